"""The contract of the lines for programs, `schemas/events.schema.json`, to hold what a command wrote against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from jsonschema import Draft202012Validator

from contextgen_cli.resources import resource

SCHEMA = json.loads(resource("schemas/events.schema.json").read_text("utf-8"))
KINDS = SCHEMA["$defs"]  # of a command's lines: what they may be; of a line: what it has


def kinds(arguments: Sequence[str], out: str, err: str) -> list[str]:
    """What each JSON line is that a command wrote to its two streams, by its name in the schema.

    Raises:
        AssertionError: one is nothing that this command may write there.
    """
    command = arguments[0] if arguments else ""
    return [*_kinds(command, out), *_kinds(f"{command}_progress", err)]


def _kinds(stream: str, text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith('{"type": '):
            record = json.loads(line)
            allowed = [each["$ref"].rpartition("/")[2] for each in KINDS.get(stream, {"anyOf": []})["anyOf"]]
            alike = [name for name in allowed if KINDS[name]["properties"]["type"]["const"] == record["type"]]
            wrong = {name: _complaint(name, record) for name in alike}
            assert not all(wrong.values()), f"{stream}: {line}: {wrong}"
            yield next(name for name in alike if not wrong[name])


def _complaint(name: str, record: dict[str, Any]) -> str:
    schema = {"$ref": f"#/$defs/{name}", "$defs": KINDS}
    return "; ".join(error.message for error in Draft202012Validator(schema).iter_errors(record))
