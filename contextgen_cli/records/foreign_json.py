"""JSON that anybody may have written: what a program of ours would never write is refused, before it does harm.

`json` alone takes numbers that are none, keys that stand twice, lists without end and halves of surrogate pairs. Each
would go wrong only later: in a division, on the terminal, or in the JSON that is made of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

DEEPEST = 32  # nested lists and objects; a record needs 7
_LONGEST_NUMBER = 20  # digits; 64 bits have no more


def parse(text: str | bytes) -> Any:
    """The value that is written there; bytes are UTF-8, but for those that names of files may have.

    Raises:
        ValueError: it is no JSON, or none that we would write.
    """
    written = text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")
    try:
        value = _DECODER.decode(written)
    except RecursionError as problem:
        raise ValueError("nested too deeply") from problem
    if written.count("[") + written.count("{") > DEEPEST:
        _refuse_deep(value)
    if "\\u" in written:
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")  # half a pair has no bytes
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


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError("a number is too large")
    return int(digits)


def _finite(written: str) -> float:
    """Also of the words NaN and Infinity, which are no JSON."""
    if not math.isfinite(number := float(written)):
        raise ValueError(f"{written} is no number")
    return number


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level if isinstance(each, dict | list) for inner in _within(each)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _within(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
