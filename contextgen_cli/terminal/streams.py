"""The standard streams as this program needs them.

Standard output carries data: it is UTF-8 whatever the locale, and what keeps it from being written is an error of
the user's kind. Standard error carries words to a person: trouble with it never changes how a command ends.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

from contextgen_cli.errors import OutputError

_REASONS = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your disk quota is used up", errno.EBADF: "it is closed"}


class ReaderLeft(Exception):
    """Whoever read standard output has gone, as `head` does; an error of our own, as click ends on the system's."""


def adopt() -> None:
    """Put our streams in place of the interpreter's; once, at the start of the process."""
    sys.stdout = _replaced(sys.stdout, _Data, encoding="utf-8", errors="surrogateescape")  # names of files are bytes
    sys.stderr = _replaced(sys.stderr, _Words)


@contextlib.contextmanager
def writing_data() -> Iterator[None]:
    """Tell what keeps standard output from being written.

    Raises:
        ReaderLeft: nobody reads on.
        OutputError: anything else, such as a full disk.
    """
    try:
        yield
    except OSError as problem:
        _discard()
        if isinstance(problem, BrokenPipeError):
            raise ReaderLeft from problem
        reason = _REASONS.get(problem.errno or 0, problem.strerror or str(problem))
        raise OutputError(
            f"standard output cannot be written: {reason}", hint="Send it to another file or command."
        ) from problem


class _Data(io.TextIOWrapper):
    def write(self, text: str) -> int:
        with writing_data():
            return super().write(text)

    def flush(self) -> None:
        with writing_data():
            super().flush()


class _Words(io.TextIOWrapper):
    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _replaced(
    stream: object, kind: type[io.TextIOWrapper], encoding: str | None = None, errors: str | None = None
) -> io.TextIOWrapper:
    if not isinstance(stream, io.TextIOWrapper):  # None: whoever started us closed it
        return kind(_closed(), encoding="utf-8")
    encoding, errors, lines = encoding or stream.encoding, errors or stream.errors, stream.line_buffering
    return kind(stream.detach(), encoding=encoding, errors=errors, line_buffering=lines)


def _closed() -> io.BufferedWriter:
    """A file that refuses every write, on a descriptor of its own: the next file opened must not get the stream's."""
    return io.BufferedWriter(io.FileIO(os.open(os.devnull, os.O_RDONLY), "w"))


def _discard() -> None:
    """Drop what is left: the interpreter flushes standard output once more at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
