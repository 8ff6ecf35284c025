"""Reading the PICTURE arguments of a command: files, and folders of pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from contextgen_cli.commands.shared.options import Decorator
from contextgen_cli.errors import UsageError
from contextgen_cli.records import picture_file
from contextgen_cli.report.entries import pictures_inside
from contextgen_cli.terminal import console

picture_arguments: Decorator = click.argument(
    "pictures", nargs=-1, required=True, metavar="PICTURE...", type=click.Path(path_type=Path)
)


def expanded(arguments: Iterable[Path]) -> list[Path]:
    """The pictures asked for, each once: of a folder those in it that remember a scene; what else is there is counted.

    Raises:
        UsageError: there is none in a folder.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        found.update(dict.fromkeys(_of_folder(argument) if argument.is_dir() else [argument]))
    return list(found)


def _of_folder(folder: Path) -> list[Path]:
    inside = pictures_inside(folder)
    remembering = [path for path in inside if _may_remember(path)]
    if not remembering:
        raise UsageError(f"{folder}: no picture in it remembers a scene", hint="Give a folder that render wrote to.")
    if others := len(inside) - len(remembering):
        console.note(
            f"{folder}: passed over {others} PNG{'s' * (others > 1)} that remember{'s' * (others == 1)} no scene"
        )
    return remembering


def _may_remember(path: Path) -> bool:
    """Whether a PNG has a record, or cannot be read, which whoever reads it will say."""
    try:
        with picture_file.opened(path) as image:
            return picture_file.record_text(image) is not None
    except (OSError, ValueError):
        return True
