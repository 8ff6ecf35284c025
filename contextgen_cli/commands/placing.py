"""Puts a file into a folder that may not exist yet."""

from __future__ import annotations

from pathlib import Path

from contextgen_cli import output


def place(path: Path, data: bytes) -> None:
    """Write a whole file or nothing, its folder first; OutputError says what is in the way."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise output.unwritable(path.parent, problem) from problem
    output.write(path, data)
