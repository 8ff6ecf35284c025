"""A document as a tree of values that remember where they were written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from contextgen_cli.scene import limits

Scalar = str | int | float | bool | None
Key = str | int
KeyPath = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A line and column, from 1; or an option on the command line, such as `--set sampling.steps=4`."""

    line: int
    column: int
    assignment: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a list or a mapping; `size` and `depth` are known without walking, even through aliases."""

    value: Scalar | tuple[Node, ...] | dict[str, MappingEntry]
    place: Place
    size: int = 1
    depth: int = 0


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """A key's place and its value."""

    key: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a problem is: a place in a file, and the keys that lead there."""

    place: Place
    key_path: str


def sequence(items: Sequence[Node], place: Place) -> Node:
    return _collection(tuple(items), items, place)


def mapping(entries: dict[str, MappingEntry], place: Place) -> Node:
    return _collection(entries, [entry.node for entry in entries.values()], place)


def _collection(value: tuple[Node, ...] | dict[str, MappingEntry], children: Sequence[Node], place: Place) -> Node:
    size = 1 + sum(child.size for child in children)
    return Node(value, place, size, 1 + max((child.depth for child in children), default=0))


def plain(node: Node) -> object:
    """The tree as lists, dicts and scalars."""
    if isinstance(node.value, tuple):
        return [plain(child) for child in node.value]
    if isinstance(node.value, dict):
        return {key: plain(entry.node) for key, entry in node.value.items()}
    return node.value


class TooDeepError(Exception):
    """A value is nested deeper than `limits.DEPTH`."""


def planted(value: object, place: Place, depth: int = 0) -> Node:
    """The reverse of `plain`, everything at one place."""
    if depth > limits.DEPTH:
        raise TooDeepError
    if isinstance(value, Mapping):
        return mapping(
            {str(key): MappingEntry(place, planted(item, place, depth + 1)) for key, item in value.items()}, place
        )
    if isinstance(value, (list, tuple)):
        return sequence([planted(item, place, depth + 1) for item in value], place)
    if value is None or isinstance(value, (str, int, float)):
        return Node(value, place)
    raise TypeError(f"no scene value: {value!r}")


def children(node: Node) -> Mapping[str, Node]:
    """A mapping's values; nothing where the node is no mapping."""
    value = node.value
    return {key: entry.node for key, entry in value.items()} if isinstance(value, dict) else {}


def items(node: Node) -> tuple[Node, ...]:
    """A list's values; nothing where the node is no list."""
    return node.value if isinstance(node.value, tuple) else ()


def scalars(node: Node, path: KeyPath = ()) -> Iterator[tuple[Node, KeyPath]]:
    """Every value in the tree that is no list and no mapping, and the keys that lead to it."""
    if isinstance(node.value, dict):
        for name, entry in node.value.items():
            yield from scalars(entry.node, (*path, name))
    elif isinstance(node.value, tuple):
        for index, inner in enumerate(node.value):
            yield from scalars(inner, (*path, index))
    else:
        yield node, path


def texts(node: Node) -> Iterator[tuple[Node, KeyPath]]:
    """Every text in the tree and the keys that lead to it."""
    return ((inner, path) for inner, path in scalars(node) if isinstance(inner.value, str))


def child(node: Node, key: Key) -> Node | None:
    if isinstance(key, str):
        entry = node.value.get(key) if isinstance(node.value, dict) else None
        return entry.node if entry else None
    return node.value[key] if isinstance(node.value, tuple) and 0 <= key < len(node.value) else None


def descendant(root: Node, *path: Key) -> Node | None:
    """The node that the keys lead to."""
    node: Node | None = root
    for key in path:
        node = child(node, key) if node is not None else None
    return node


def spot(root: Node, *path: Key) -> Spot:
    """Where the value at `path` is, or the innermost value around it that exists."""
    node = root
    for key in path:
        inner = child(node, key)
        if inner is None:
            break
        node = inner
    return Spot(node.place, dotted(path))


def key_spot(root: Node, *path: Key) -> Spot:
    """Where the key at the end of `path` is."""
    *outer, last = path
    node = descendant(root, *outer)
    entry = node.value.get(str(last)) if node is not None and isinstance(node.value, dict) else None
    return Spot(entry.key, dotted(path)) if entry else spot(root, *path)


def dotted(path: Sequence[Key]) -> str:
    """`("instances", 0, "box")` as `instances[0].box`."""
    written = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return written.removeprefix(".")


def undotted(text: str) -> KeyPath:
    """The reverse of `dotted`; `instances.0.box` is read too."""
    keys = re.sub(r"\[(\d+)\]", r".\1", text).split(".")
    return tuple(int(key) if re.fullmatch("[0-9]{1,9}", key) else key for key in keys)
