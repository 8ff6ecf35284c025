"""Ctrl-C, a polite `kill` and a terminal that is closed: all end a run in the same way, with a KeyboardInterrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TextIO

_LOCAL_FLAGS = 3  # in the list that termios gives
_GRACE = 1.0  # seconds in which no second interruption is heard: it would cut the tidying after the first
_last: float | None = None


def listen() -> None:
    """Raise KeyboardInterrupt for each of these signals, unless whoever started us has them ignored."""
    _on_signals(_interrupt)


@contextlib.contextmanager
def noted(tell: Callable[[], object] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Inside the block, the first interruption is only noted, for who asks `heard`, and told; the next is raised."""

    def note(number: int, frame: FrameType | None) -> None:
        global _last
        if _last is None:
            _last = time.monotonic()
            tell()
        else:
            _interrupt(number, frame)

    before = {number: signal.getsignal(number) for number in _numbers()}
    _on_signals(note)
    if heard():
        tell()
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def unechoed(stream: TextIO) -> Iterator[None]:
    """Inside the block, a terminal does not show `^C`: at the end of a display that moves it would break the line, and
    what is drawn next would leave a dead copy above.

    A process in the background leaves the terminal alone, whose settings stop it.
    """
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    errors = (OSError, ValueError, termios.error)  # none, closed, or closed meanwhile
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(*errors):
            number = stream.fileno()
            if os.tcgetpgrp(number) == os.getpgrp():
                before = termios.tcgetattr(number)
                changed = [*before]
                changed[_LOCAL_FLAGS] &= ~termios.ECHOCTL
                termios.tcsetattr(number, termios.TCSANOW, changed)
                undo.enter_context(contextlib.suppress(*errors))
                undo.callback(termios.tcsetattr, number, termios.TCSANOW, before)
        yield


def ignore() -> None:
    """Heed none of them any more."""
    _on_signals(signal.SIG_IGN)


def heard() -> bool:
    """Whether there was one: a library can swallow the exception, torch for one while it imports numpy."""
    return _last is not None


def raise_swallowed() -> None:
    """Raise again what a library swallowed: before a wait that nothing else would end."""
    if heard():
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _last
    now = time.monotonic()
    if _last is None or now - _last >= _GRACE:
        _last = now
        raise KeyboardInterrupt


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in _numbers():
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` wants it
            signal.signal(number, handler)


def _numbers() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
