"""What keeps a file from being written, in words, and how one is opened so that nobody's link decides which it is."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from contextgen_cli.errors import OutputError

NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)  # for a file in a folder that others write to
_REASONS = {
    errno.ENOSPC: ("the disk is full", "Make room, or choose another folder with -o."),
    errno.EDQUOT: ("your disk quota is used up", "Make room, or choose another folder with -o."),
    errno.EACCES: ("permission denied", "Choose a folder you may write to with -o."),
    errno.EPERM: ("permission denied", "Choose a folder you may write to with -o."),
    errno.EROFS: ("the file system is read-only", "Choose a folder you may write to with -o."),
    errno.ENOENT: ("No such file or directory", "Bring the folder back, or remove the link that leads nowhere."),
    errno.ENOTDIR: ("a part of the path is a file", "Choose another folder with -o."),
    errno.EEXIST: ("it is a file", "Choose another folder with -o."),
    errno.EISDIR: ("it is a folder", "Choose another file name with -o."),
    errno.ELOOP: (
        "it is a link, which is not followed",
        "Put the file itself there, or choose another folder with -o.",
    ),
    errno.ENAMETOOLONG: ("the name is too long", "Give the scene a shorter name with `name:`."),
}


def unwritable(path: Path, problem: OSError) -> OutputError:
    """Say what keeps `path` from being written, and what to do."""
    reason, hint = _REASONS.get(problem.errno or 0, (problem.strerror or str(problem), None))
    return OutputError(f"{path}: cannot be written: {reason}", hint=hint)
