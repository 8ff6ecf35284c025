"""What a value of a configuration may be, and the words for one that is something else. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from contextgen.weights.checkpoint_errors import FolderIncomplete
from contextgen.weights.json_files import short

LARGEST = 1 << 20  # of any size; the vocabulary of T5 is a thirtieth
A_SIZE = f"a whole number from 1 to {LARGEST:,}"
Configuration = Mapping[str, Any]  # JSON of anybody's: of its values nothing is known
Allows = Callable[[Any], bool]
REPAIR = "Fetch the folder again, or copy the file that is broken."


def demand(path: Path, config: Configuration, names: Iterable[str], allows: Allows, belongs: str) -> None:
    """Refuse a configuration that lacks one of these keys, or has something else there than what belongs.

    Raises:
        FolderIncomplete: names the file and the key.
    """
    for name in names:
        if name not in config:
            raise FolderIncomplete(f"{path}: {name!r} is missing", REPAIR)
        if not allows(config[name]):
            raise FolderIncomplete(f"{path}: {name}: {short(config[name])} is not {belongs}", REPAIR)


def is_size(value: object) -> bool:
    """Whether it can be the size of something."""
    return type(value) is int and 1 <= value <= LARGEST


def is_number(value: object) -> bool:
    """Whether it is a number that can be reckoned with."""
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
