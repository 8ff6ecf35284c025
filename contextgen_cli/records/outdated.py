"""Pictures that newer ones of the same scene took the place of: kept in the notes of their folder until it is cleaned.

`OUT/.contextgen/outdated/JOB/` holds such a picture under the name that it had, with its layout and inputs; JOB is how
its job's id begins. A scene that is changed back gets its picture back from there.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contextgen_cli.records.output import ID_LETTERS, companion, is_companion, is_whole
from contextgen_cli.records.picture_file import job_of
from contextgen_cli.records.state_folder import STATE, state_folder
from contextgen_cli.records.unwritable import unwritable

_FOLDER = "outdated"


@dataclass(frozen=True, slots=True)
class OutdatedPicture:
    """A picture that was set aside; `files` are it and what belongs to it."""

    path: Path
    files: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        return sum(file.stat().st_size for file in self.files)

    def remove(self) -> None:
        """
        Raises:
            OutputError: it may not be removed.
        """
        try:
            for file in self.files:
                file.unlink(missing_ok=True)
            self.path.parent.rmdir()
        except OSError as problem:
            raise unwritable(self.path, problem) from problem


def outdated_pictures(output: Path) -> Iterator[OutdatedPicture]:
    """All that an output folder keeps."""
    with contextlib.suppress(OSError):
        for folder in sorted(state_folder(output, _FOLDER).iterdir()):
            yield from _in(output, folder.name)


def outdated_picture(output: Path, job_id: str) -> OutdatedPicture | None:
    """The whole picture of a job, if it was set aside."""
    found = (each for each in _in(output, job_id[:ID_LETTERS]) if is_whole(each.path) and job_of(each.path) == job_id)
    return next(found, None)


def is_set_aside(picture: Path) -> bool:
    """Whether a picture is where outdated ones are kept."""
    return picture.parent.parent.name == _FOLDER and picture.parent.parent.parent.name == STATE


def set_aside(picture: Path, job_id: str) -> Path | None:
    """Move a job's picture, and what belongs to it, out of the way; where it is then, or None: it is not there.

    Raises:
        OutputError: it cannot be moved.
    """
    if job_of(picture) != job_id:
        return None
    try:
        folder = state_folder(picture.parent, _FOLDER, job_id[:ID_LETTERS], make=True)
    except OSError as problem:
        raise unwritable(picture, problem) from problem
    move_picture(picture, folder / picture.name)
    return folder / picture.name


def bring_back(kept: OutdatedPicture, picture: Path) -> None:
    """Move a picture that was set aside to where it belongs now.

    Raises:
        OutputError: it cannot be moved.
    """
    move_picture(kept.path, picture)
    with contextlib.suppress(OSError):  # something else is in it
        kept.path.parent.rmdir()


def move_picture(picture: Path, to: Path) -> None:
    """Move a picture with its layout and inputs, itself last: where it is, all that belongs to it is.

    Raises:
        OutputError: it cannot be moved.
    """
    try:
        for path in _beside(picture):
            path.replace(to.with_name(to.stem + path.name.removeprefix(picture.stem)))
        picture.replace(to)
    except OSError as problem:
        raise unwritable(picture, problem) from problem


def _in(output: Path, job: str) -> Iterator[OutdatedPicture]:
    with contextlib.suppress(OSError):
        files = sorted(state_folder(output, _FOLDER, job).glob("*.png"))
        for path in (file for file in files if not is_companion(file)):
            yield OutdatedPicture(path, (path, *_beside(path)))


def _beside(picture: Path) -> list[Path]:
    """The layout and the inputs of a picture, looked for by their names: its folder may be a large one."""
    layout = companion(picture, "layout")
    inputs = (companion(picture, f"input-{number}") for number in itertools.count(1))
    return [*[layout] * layout.is_file(), *itertools.takewhile(Path.is_file, inputs)]
