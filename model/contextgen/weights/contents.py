"""What lies in a folder that came from anybody: devices, pipes, code. Nothing of it is opened."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path


def contents_problem(folder: Path, entries: Iterable[Path]) -> str | None:
    """The first of these entries of a folder that is neither a plain file nor a folder, and what it is.

    A link is what it leads to: people keep large files once, and the hub's cache is made of links. Entries that are
    not there are passed over.
    """
    return next((f"{entry.relative_to(folder)} {words}" for entry in entries if (words := _problem(entry))), None)


def _problem(entry: Path) -> str | None:
    try:
        kind = entry.stat().st_mode
    except (OSError, RuntimeError):  # the latter: links in a circle, before Python 3.13
        return "is a link to nowhere" if entry.is_symlink() else None
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return "is neither a file nor a folder"
    return "is code, and code that comes with weights is never run" if entry.suffix == ".py" else None
