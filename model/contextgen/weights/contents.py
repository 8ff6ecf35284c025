"""What lies in a folder that came from anybody: links that lead elsewhere, devices, code. Nothing of it is opened."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path


def contents_problem(folder: Path, entries: Iterable[Path]) -> str | None:
    """The first of these entries of a folder that is neither a plain file of its own nor a folder, and what it is.

    Links may lead into the folder itself and, from a snapshot of the hub's cache, to the blobs beside it. Entries that
    are not there are passed over.
    """
    if folder.is_relative_to(str(files("contextgen"))):
        return None  # a model of this package, whose files an installer may have linked from its own store
    roots = _roots(folder.resolve())
    return next(
        (f"{entry.relative_to(folder)} {words}" for entry in entries if (words := _problem(entry, roots))), None
    )


def _problem(entry: Path, roots: tuple[Path, ...]) -> str | None:
    try:
        target = entry.resolve(strict=True)
        kind = target.stat().st_mode
    except (OSError, RuntimeError):  # the latter: links in a circle, before Python 3.13
        return "is a link to nowhere" if entry.is_symlink() else None
    if not any(target.is_relative_to(root) for root in roots):
        return f"leads out of the folder, to {target}"
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return "is neither a file nor a folder"
    return "is code, and code that comes with weights is never run" if entry.suffix == ".py" else None


def _roots(folder: Path) -> tuple[Path, ...]:
    return (folder, folder.parents[1] / "blobs") if folder.parent.name == "snapshots" else (folder,)
