"""JSON that anybody may have written: what a program of ours would never write is refused, before it does harm.

`json` alone takes numbers that are none, keys that stand twice, lists without end and halves of surrogate pairs. Each
would go wrong only later: in a division, on the terminal, or in the JSON that is made of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

DEEPEST = 32  # nested lists and objects; a record needs 7
_LARGEST_BITS = 64  # of a whole number


def parse(text: str | bytes) -> Any:
    """The value that is written there; bytes are UTF-8, but for those that names of files may have.

    Raises:
        ValueError: it is no JSON, or none that we would write.
    """
    written = text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
    try:
        value = json.loads(written, object_pairs_hook=_unique)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    _refuse_odd(value)
    return value


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The same of a JSON object.

    Raises:
        ValueError: as `parse`, or it is something else.
    """
    value = parse(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _refuse_odd(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _parts(each)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _parts(value: Any) -> Iterator[Any]:
    """What is within a value; one that is odd itself is refused."""
    match value:
        case str():
            value.encode("utf-8", "surrogateescape")
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} is no number")
        case int() if value.bit_length() > _LARGEST_BITS:
            raise ValueError("a number is too large")
        case dict():
            yield from value
            yield from value.values()
        case list():
            yield from value
