"""Expands `matrix:` into one document for each combination of its values."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from contextgen_cli.scene import limits
from contextgen_cli.scene.check import schema
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.suggestions import did_you_mean
from contextgen_cli.scene.parse.nodes import (
    KeyPath,
    MappingEntry,
    Node,
    Spot,
    children,
    dotted,
    items,
    key_spot,
    mapping,
    sequence,
    texts,
)

MATRIX = "matrix"
_NAME = r"\$\{([A-Za-z_][A-Za-z0-9_-]*)\}"
_WHOLE = re.compile(_NAME)
_PART = re.compile(rf"\$(\$\{{)|{_NAME}|(\$\{{)")
_BYTES_OF_A_VALUE = 8  # written shortly
_UNCOUNTED = 10**9  # scenes: so many are too many, however many
Values = Mapping[str, Node]
Axes = Mapping[str, tuple[Node, ...]]
Templates = Sequence[tuple[Node, KeyPath]]  # texts with a `$`


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One combination of a matrix: its values, and the document with them put in."""

    values: tuple[tuple[str, str | float], ...]
    root: Node


def rows(root: Node, report: ProblemCollector) -> list[MatrixRow]:
    """The documents that `root` stands for: itself if it has no `matrix`, none if the matrix is wrong."""
    errors = report.error_count
    if MATRIX in children(root):
        schema.check(root, report, is_template=True)
    if report.error_count > errors:
        return []
    axes = _axes(root)
    body = mapping({key: entry for key, entry in _entries(root).items() if key != MATRIX}, root.place)
    templates = [(node, path) for node, path in texts(body) if "$" in str(node.value)]
    if not axes and not templates:
        return [MatrixRow((), body)]
    _check_names(root, templates, axes, report)
    _check_size(root, body.size, templates, axes, report)
    if report.error_count > errors:
        return []
    return [_row(body, dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]


def _row(body: Node, values: Values) -> MatrixRow:
    plain = tuple((name, node.value) for name, node in values.items() if isinstance(node.value, str | int | float))
    return MatrixRow(plain, _substituted(body, values))


def _axes(root: Node) -> Axes:
    declared = children(root).get(MATRIX)
    return {name: items(values) for name, values in children(declared).items()} if declared else {}


def _entries(node: Node) -> dict[str, MappingEntry]:
    return node.value if isinstance(node.value, dict) else {}


def _check_names(root: Node, templates: Templates, axes: Axes, report: ProblemCollector) -> None:
    """Report unknown and unused names."""
    errors = report.error_count
    used: set[str] = set()
    for node, path in templates:
        used |= _used_names(node, path, axes, report)
    for name in axes:
        if name not in used and report.error_count == errors:  # a misspelt use is its own error
            hint = f"write `${{{name}}}` somewhere, or remove it"
            report.error("unused-matrix-key", f"`{name}` is never used", key_spot(root, MATRIX, name), hint)


def _check_size(root: Node, size: int, templates: Templates, axes: Axes, report: ProblemCollector) -> None:
    """Report a matrix of too many rows, or of too large ones; `size` of a row is in values."""
    count = 1
    for values in axes.values():
        count = min(count * len(values), _UNCOUNTED)
    longest = {name: max((len(str(value.value)) for value in values), default=0) for name, values in axes.items()}
    written = [str(node.value) for node, _ in templates]
    put_in = sum(longest.get(name, 0) for text in written for _, name, _ in _PART.findall(text))
    row_bytes = size * _BYTES_OF_A_VALUE + sum(map(len, written)) + put_in
    if count > limits.MATRIX_SCENES:
        number = f"{'more than ' if count == _UNCOUNTED else ''}{count:,}"
        message = f"{number} scenes from one matrix; at most {limits.MATRIX_SCENES:,} are possible"
        report.error("matrix-too-large", message, key_spot(root, MATRIX))
    elif count * row_bytes > limits.MATRIX_BYTES:
        most = f"more than {limits.MATRIX_BYTES >> 20} MiB"
        message = f"{count:,} scenes of about {row_bytes:,} bytes from one matrix: {most}"
        report.error("matrix-too-large", message, key_spot(root, MATRIX), "make several files of it")


def _used_names(node: Node, path: KeyPath, axes: Axes, report: ProblemCollector) -> set[str]:
    used = set()
    for escaped, name, broken in _PART.findall(str(node.value)):
        at = Spot(node.place, dotted(path))
        if broken:
            report.error("bad-substitution", "`${` without a name and a `}`", at, "for a literal `${` write `$${`")
        elif not escaped and name not in axes:
            hint = partial(_declaration, name, axes)
            report.error("unknown-matrix-key", f"`${{{name}}}` is no key of `matrix`", at, hint)
        elif not escaped:
            used.add(name)
    return used


def _declaration(name: str, axes: Iterable[str]) -> str:
    return did_you_mean(name, axes) or "declare it under `matrix`; for a literal `${` write `$${`"


def _substituted(node: Node, values: Values) -> Node:
    if isinstance(node.value, str):
        return _text(node, values) if "$" in node.value else node
    if isinstance(node.value, tuple):
        return sequence([_substituted(inner, values) for inner in node.value], node.place)
    if isinstance(node.value, dict):
        entries = {key: MappingEntry(e.key, _substituted(e.node, values)) for key, e in node.value.items()}
        return mapping(entries, node.place)
    return node


def _text(node: Node, values: Values) -> Node:
    whole = _WHOLE.fullmatch(str(node.value))
    if whole:
        return Node(values[whole.group(1)].value, node.place)
    text = _PART.sub(lambda match: "${" if match[1] else str(values[match[2]].value), str(node.value))
    return Node(text, node.place)
