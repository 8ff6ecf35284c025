"""Gives every scene of a run a name of its own that can be part of a file's name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_OF_STANDARD_INPUT = "stdin"
_CALLED_AFTER_FOLDER = "scene"  # the stem that `contextgen init` and others give to the one scene of a folder
_UNFIT = re.compile(r"[^\w.-]+")
_LONGEST = 100  # bytes: document, row, seed and job id come behind it, and file systems allow 255


@dataclass(frozen=True, slots=True)
class Origin:
    """What a name is made of: the file, its document (from 0) and the row of its matrix, if any."""

    path: Path | None
    document: int
    row: int | None
    rows: int
    explicit: str | None


def names(origins: Sequence[Origin]) -> list[str]:
    """A name for each: what the scene says (clashes are not resolved), else one made of its file's.

    A file gives the same name whatever lies beside it; only where a run has two of a name, the later one gets another.
    """
    taken = {origin.explicit.lower() for origin in origins if origin.explicit}
    found = []
    for origin in origins:
        name = origin.explicit or next(each for each in _candidates(origin) if each.lower() not in taken)
        taken.add(name.lower())  # some file systems do not tell cases apart
        found.append(name)
    return found


def _candidates(origin: Origin) -> Iterator[str]:
    """The file's own name, then with ever more folders in front, then numbers behind it."""
    parts = _parts(origin.path)
    suffix = _suffix(origin)
    for depth in range(1, len(parts) + 1):
        yield _fit(parts[-depth:]) + suffix
    yield from (f"{_fit(parts[-1:])}{suffix}-{number}" for number in itertools.count(2))


def _parts(path: Path | None) -> list[str]:
    """The folders that a file is in, and what it is called."""
    if path is None:
        return [_OF_STANDARD_INPUT]
    *folders, called = path.with_suffix("").parts
    return folders if folders[1:] and called.lower() == _CALLED_AFTER_FOLDER else [*folders, called]


def _suffix(origin: Origin) -> str:
    document = f"-d{origin.document + 1}" if origin.document else ""
    row = "" if origin.row is None else f"-m{origin.row + 1:0{max(2, len(str(origin.rows)))}}"
    return document + row


def _fit(parts: Sequence[str]) -> str:
    fit = _UNFIT.sub("-", "-".join(parts)).strip("-.").encode()[:_LONGEST].decode(errors="ignore")
    return fit or _CALLED_AFTER_FOLDER
