"""What may have been meant by the name of a file that is not there."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.check.suggestions import nearest
from contextgen_cli.scene.parse.odd_letters import looks, remark

_LIKENESS_OF_FILES = 0.75  # a folder holds many names, so that a far one is always there
_MOST_NAMES = 1000  # in a folder: among more, a near one is too long looked for
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
    by_looks = _by_looks(part.parent, _modified(part.parent))
    if alike := _alike(part.name, by_looks.get(looks(part.name), ())):
        return f"did you mean {shown(part.parent / alike)}? {_difference(part.name, alike)}"
    if part != path:
        return f"there is no folder {shown(path.parent)}"
    names = [name for alike in by_looks.values() for name in alike]
    found = _near_name(path, names) if len(names) <= _MOST_NAMES else None
    return f"did you mean {shown(path.parent / found)}?" if found else None


def _alike(name: str, others: Iterable[str]) -> str | None:
    """Another name in which a person sees no difference; what only letter case tells apart is seen."""
    return next((other for other in others if _in_one_form(other) == _in_one_form(name) or remark(name + other)), None)


def _difference(name: str, other: str) -> str:
    if _in_one_form(name) == _in_one_form(other):
        forms = f"{_form(name)} here, {_form(other)} on the disk"
        return f"It looks the same but is in another Unicode form, {forms}: rename the file, or copy its name"
    here, there = remark(name), remark(other)
    return f"The name {'here' if here else 'there'} is written{here or there}"


def _form(name: str) -> str:
    """How a name is written that differs from another in nothing else."""
    if name == _in_one_form(name):
        return "composed (NFC: an accent is part of its letter)"
    if name == unicodedata.normalize("NFD", name):
        return "decomposed (NFD: an accent is a character of its own)"
    return "neither composed (NFC) nor decomposed (NFD) throughout"


def _in_one_form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _near_name(path: Path, names: Sequence[str]) -> str | None:
    """The name closest to that of `path` but for its ending; where the digits differ, it is another file."""
    same_ending_last = sorted(names, key=lambda name: Path(name).suffix == path.suffix)
    by_stem = {Path(name).stem: name for name in same_ending_last if _digits(Path(name)) == _digits(path)}
    found = nearest(path.stem, by_stem, cutoff=_LIKENESS_OF_FILES)
    return by_stem[found] if found else None


def _digits(path: Path) -> list[str]:
    return [digits.lstrip("0") for digits in re.findall("[0-9]+", path.stem)]


@lru_cache(maxsize=16)
def _by_looks(folder: Path, modified: int) -> Mapping[str, Sequence[str]]:
    """The names in a folder, by what they look like; listed once for many files that are missing from it."""
    found: dict[str, list[str]] = {}
    try:
        for entry in folder.iterdir():
            found.setdefault(looks(entry.name), []).append(entry.name)
    except (OSError, ValueError):
        return {}
    return found


def _modified(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0
