"""Whether a JSON file that nobody has named holds scenes: other tools leave JSON in the same folders."""

from __future__ import annotations

import json
import re
from pathlib import Path

from contextgen_cli.scene import limits

JSON, JSON_LINES = ".json", ".jsonl"
_SAID_ANYWHERE = {"version", "prompt"}
_OURS = {"references", "instances", "canvas"}
_KEY = re.compile(r'"(\w{1,20})"\s*:')


def is_json(path: Path) -> bool:
    """Whether a file's name says that it is JSON."""
    return path.suffix.lower() in (JSON, JSON_LINES)


def is_lines(path: Path) -> bool:
    """Whether a file's name says that it has one scene a line."""
    return path.suffix.lower() == JSON_LINES


def holds_scenes(path: Path) -> bool:
    """Whether its first value has the keys of a scene; of a broken one, whether they stand in the text."""
    try:
        with path.open("rb") as file:
            text = file.read(limits.FILE_BYTES).decode("utf-8-sig", "replace").lstrip()
    except OSError:
        return True  # whoever reads it will say what is wrong
    if is_lines(path):
        text = text.partition("\n")[0]
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
        keys = set(value) if isinstance(value, dict) else set()
    except (ValueError, RecursionError):
        keys = set(_KEY.findall(text))
    return bool(keys & _SAID_ANYWHERE) and bool(keys & _OURS)
