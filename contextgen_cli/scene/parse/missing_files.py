"""What may have been meant by the name of a file that is not there."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.check.suggestions import nearest
from contextgen_cli.scene.parse.odd_letters import looks, remark

_LIKENESS_OF_FILES = 0.75  # a folder holds many names, so that a far one is always there
_DRIVE = re.compile(r"[A-Za-z]:(?:\\.*)?")
_ESCAPED = re.compile(r"[\t\n]")


def near_file(path: Path) -> str | None:
    """A hint about what is wrong with a name, a file that may have been meant, or the folder that is missing."""
    return _written_for_windows(path) or _missing_part(path)


def _written_for_windows(path: Path) -> str | None:
    if os.sep == "\\":
        return None
    if any(_DRIVE.fullmatch(part) for part in path.parts):
        return "a drive of Windows: write the path relative to the scene file, with `/` between folders"
    if "\\" in str(path):
        meant = Path(str(path).replace("\\", "/"))
        question = f"did you mean {shown(meant)}? " if os.path.exists(meant) else ""  # noqa: PTH110  never raises
        return f"{question}Between folders stands `/`; a backslash is a letter of the name here"
    if _ESCAPED.search(str(path)):
        return r"in double quotes `\t` is a tab and `\n` a line break: write `/` between folders, or single quotes"
    return None


def _missing_part(path: Path) -> str | None:
    """A hint about the first part of the path that does not exist."""
    parts = [*reversed(path.parents), path]
    part = next((part for part in parts if not os.path.lexists(part)), path)
    names = _names(part.parent)
    if alike := _alike(part.name, names):
        return f"did you mean {shown(part.parent / alike)}? {_difference(part.name, alike)}"
    if part != path:
        return f"there is no folder {shown(path.parent)}"
    found = _near_name(path, names)
    return f"did you mean {shown(path.parent / found)}?" if found else None


def _alike(name: str, names: Iterable[str]) -> str | None:
    """Another name that looks the same, letter case included."""
    same = [other for other in names if other != name and looks(other) == looks(name)]
    return next((other for other in same if not _differs_in_case(other, name)), None)


def _differs_in_case(name: str, other: str) -> bool:
    """Whether a person sees a difference."""
    plain, other_plain = (unicodedata.normalize("NFC", each) for each in (name, other))
    return plain != other_plain and not remark(name) and not remark(other)


def _difference(name: str, other: str) -> str:
    if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other):
        return "It looks the same but is in another Unicode form (NFC, NFD): rename the file, or copy its name"
    here, there = remark(name), remark(other)
    return f"The name {'here' if here else 'there'} is written{here or there}"


def _near_name(path: Path, names: Sequence[str]) -> str | None:
    """The name closest to that of `path` but for its ending; where the digits differ, it is another file."""
    same_ending_last = sorted(names, key=lambda name: Path(name).suffix == path.suffix)
    by_stem = {Path(name).stem: name for name in same_ending_last if _digits(Path(name)) == _digits(path)}
    found = nearest(path.stem, by_stem, cutoff=_LIKENESS_OF_FILES)
    return by_stem[found] if found else None


def _digits(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"[0-9]{1,999}", path.stem)]


def _names(folder: Path) -> Sequence[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except (OSError, ValueError):
        return ()
