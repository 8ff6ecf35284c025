"""JSON that comes with weights, from anybody: an object in a regular file of modest size, or words for what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_MOST_LETTERS = 40
_LARGEST = 1 << 26  # bytes; the largest tokenizers take a quarter


def short(value: object) -> str:
    """A value of anybody's for a message, which it does not fill."""
    words = repr(value)
    return words if len(words) <= _MOST_LETTERS else f"{words[:_MOST_LETTERS]}…"


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds something else; the words do not name it.
    """
    if not path.is_file():
        raise ValueError("no regular file")
    with path.open("rb") as stream:
        content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"more than {_LARGEST >> 20} MiB")
    return parse_object(content.decode("utf-8"))


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object that a text is.

    Raises:
        ValueError: it is another value, or none; a `json.JSONDecodeError` where JSON itself says so.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")
    return value
