"""What tells that a file is not the one that it was, without reading it."""

from __future__ import annotations

import os
from pathlib import Path


def stamp_of(path: Path) -> str:
    """Another word once the file was changed or replaced.

    Tools that copy keep size and time of change; inode and time of the last change of the inode are the system's own.
    The device is not in it: it differs from host to host of a shared file system.

    Raises:
        OSError: there is no such file.
    """
    return stamp_of_state(path.stat())


def stamp_of_state(state: os.stat_result) -> str:
    """The same of what the system has said of a file already."""
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ino} {state.st_ctime_ns}"
