"""Applies `--set key=value` and `--prompt` to a document before it is checked."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.parse import yaml_source
from contextgen_cli.scene.parse.nodes import (
    KeyPath,
    MappingEntry,
    Node,
    Place,
    Spot,
    TooDeepError,
    dotted,
    mapping,
    plain,
    planted,
    scalars,
    sequence,
    texts,
    undotted,
)
from contextgen_cli.scene.parse.scalars import control_character

SET, PROMPT = "--set", "--prompt"
Assignments = Sequence[tuple[str, object]]


def value_of(text: str) -> object:
    """What is meant by a value on the command line: JSON (`4`, `true`, `[1, 2]`), a list or a mapping as YAML has it in
    one line (`{image: a.png}`), or else the text itself."""
    try:
        value: object = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return _collection(text) if text.lstrip()[:1] in ("{", "[") else text
    return value


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _collection(text: str) -> object:
    """A list or a mapping, or the text where it is none."""
    report = ProblemCollector(None, text)
    nodes = list(yaml_source.documents(text, report))
    if report.error_count or len(nodes) != 1 or nodes[0] is None:
        return text
    return plain(nodes[0])


def assigned(root: Node, assignments: Assignments, report: ProblemCollector, prompt: str | None = None) -> Node:
    """The document with each value, and the prompt, put where its key path leads; mappings on the way are made."""
    chosen = [(key, value, f"{SET} {key}={_written(value)}") for key, value in assignments]
    chosen += [("prompt", prompt, f"{PROMPT} {prompt}")] * (prompt is not None)
    for key, value, typed in chosen:
        place = Place(0, 0, assignment=typed)
        at, path = Spot(place, key), undotted(key)
        try:
            node = planted(value, place)
            if any(_is_beyond_numbers(each.value) for each, _ in scalars(node)):
                raise _CannotBeSetError("this is no number that a scene can use")
            if len(path) + node.depth > limits.DEPTH:
                raise TooDeepError
            root = _put(root, path, node)
        except TooDeepError:
            report.error("too-deep", f"nested deeper than {limits.DEPTH} levels", at)
        except _CannotBeSetError as error:
            report.error("bad-assignment", str(error), at)
        else:
            if any(control_character(str(text.value)) for text, _ in texts(node)):
                report.twisted("control-character", "a text with a control character", at)
    return root


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_beyond_numbers(value: object) -> bool:
    """Whether it is a number that a file could not hold."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and abs(value) >= 10**limits.NUMBER_DIGITS


class _CannotBeSetError(Exception):
    """The value cannot be put there."""


def _put(node: Node, path: KeyPath, value: Node, done: KeyPath = ()) -> Node:
    if not path:
        return value
    key, rest, here = path[0], path[1:], (*done, path[0])
    if isinstance(node.value, dict):
        old = node.value.get(str(key))
        entry = old or MappingEntry(value.place, mapping({}, value.place))
        entries = {**node.value, str(key): MappingEntry(entry.key, _put(entry.node, rest, value, here))}
        return mapping(entries, node.place)
    if isinstance(node.value, tuple):
        if not isinstance(key, int) or key >= len(node.value):
            raise _CannotBeSetError(
                f"`{dotted(done)}` is a list of {len(node.value)}: no item `{key}` (they count from 0)"
            )
        changed = _put(node.value[key], rest, value, here)
        return sequence([*node.value[:key], changed, *node.value[key + 1 :]], node.place)
    raise _CannotBeSetError(f"`{dotted(done)}` holds no keys, so `{dotted(here)}` cannot be set")
