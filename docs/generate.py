"""Writes the pages made from schema and help: `python docs/generate.py`; `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

import command_reference
import scene_reference
import training_reference

PAGES = {
    "scene-reference.md": scene_reference.render,
    "training-reference.md": training_reference.render,
    "commands.md": command_reference.render,
}
FOLDER = Path(__file__).parent


def stale() -> list[str]:
    """The pages that differ from what would be written now."""
    return [name for name, render in PAGES.items() if _written(name) != render()]


def write() -> None:
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")


def _written(name: str) -> str | None:
    page = FOLDER / name
    return page.read_text(encoding="utf-8") if page.exists() else None


if __name__ == "__main__":
    if "--check" not in sys.argv:
        write()
    elif pages := stale():
        sys.exit(f"out of date: {', '.join(pages)}; run `make docs`")
