"""Files that somebody else may have put where they are: read only if they are regular ones, and only in pieces.

A FIFO would be waited for without end, and a device may have no end.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from pathlib import Path

_PIECE = 1 << 20
_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path, limit: int | None = None) -> io.BufferedReader:
    """Open a file of at most `limit` bytes, if there is a limit, for reading.

    Raises:
        OSError: there is none, it cannot be read, is no regular file, or is larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NEVER_WAIT)
    except ValueError as problem:  # a name that no file can have
        raise OSError(errno.ENOENT, str(problem), str(path)) from problem
    try:
        refuse_irregular(descriptor, path)
        if limit is not None and os.fstat(descriptor).st_size > limit:
            raise OSError(errno.EFBIG, f"larger than {limit >> 20} MiB", str(path))
        return os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def refuse_irregular(descriptor: int, path: Path) -> None:
    """
    Raises:
        OSError: what was opened is a folder, a FIFO, a device or a socket.
    """
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_up_to(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes.

    Raises:
        OSError: as `open_regular`.
    """
    with open_regular(path, limit) as file:
        return file.read()


def sha256_of_file(path: Path, limit: int | None = None) -> str:
    """The SHA-256 of a file's content; of a file of at most `limit` bytes, if there is one.

    Raises:
        OSError: as `open_regular`.
    """
    digest = hashlib.sha256()
    with open_regular(path, limit) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
