"""Ctrl-C, a polite `kill` and a terminal that is closed: all end a run in the same way, with a KeyboardInterrupt."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType

_GRACE = 1.0  # seconds in which no second interruption is heard: it would cut the tidying after the first
_last: float | None = None


def listen() -> None:
    """Raise KeyboardInterrupt for each of these signals, unless whoever started us has them ignored."""
    _on_signals(_interrupt)


def ignore() -> None:
    """Heed none of them any more."""
    _on_signals(signal.SIG_IGN)


def heard() -> bool:
    """Whether there was one: a library can swallow the exception, torch for one while it imports numpy."""
    return _last is not None


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _last
    now = time.monotonic()
    if _last is None or now - _last >= _GRACE:
        _last = now
        raise KeyboardInterrupt


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` wants it
            signal.signal(number, handler)
