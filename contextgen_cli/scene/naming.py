"""Gives every scene of a run a name of its own that can be part of a file's name."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_OF_STANDARD_INPUT = "stdin"
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
    """A name for each: what the scene says (clashes are not resolved), else one made of its file's."""
    stems = _stems({origin.path: None for origin in origins})
    taken = {origin.explicit.lower() for origin in origins if origin.explicit}
    found = []
    for origin in origins:
        name = origin.explicit or _free(stems[origin.path] + _suffix(origin), taken)
        taken.add(name.lower())  # some file systems do not tell cases apart
        found.append(name)
    return found


def _suffix(origin: Origin) -> str:
    document = f"-d{origin.document + 1}" if origin.document else ""
    row = "" if origin.row is None else f"-m{origin.row + 1:0{max(2, len(str(origin.rows)))}}"
    return document + row


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _stems(paths: dict[Path | None, None]) -> dict[Path | None, str]:
    """Each file's stem; where files share one, with the folders that tell them apart."""
    stems = {path: _fit(path.stem if path else _OF_STANDARD_INPUT) for path in paths}
    counts: dict[str, int] = {}
    for stem in stems.values():
        counts[stem.lower()] = counts.get(stem.lower(), 0) + 1
    files = [path for path in paths if path]
    common = os.path.commonpath([path.parent for path in files]) if files else ""
    for path, stem in stems.items():
        if path and counts[stem.lower()] > 1:
            stems[path] = _fit("-".join([*path.parent.relative_to(common).parts, path.stem]))
    return stems


def _fit(text: str) -> str:
    fit = _UNFIT.sub("-", text).strip("-.").encode()[:_LONGEST].decode(errors="ignore")
    return fit or "scene"
