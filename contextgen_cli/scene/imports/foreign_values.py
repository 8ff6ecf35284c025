"""Values of other tools' files, with words for what is not as it must be."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from contextgen_cli.scene.scene import Size

Read = TypeVar("Read")
Rest = ParamSpec("Rest")
Edges = tuple[float, float, float, float]  # left, top, right, bottom

_LARGEST = 1e9  # of a box or polygon, in pixels
_KINDS: dict[type, str] = {str: "text", list: "list", dict: "object"}
_BRIEF = reprlib.Repr()
_BRIEF.maxlist, _BRIEF.maxstring, _BRIEF.maxother = 6, 60, 60


class MalformedError(Exception):
    """Something is not of the format; the text says what, whoever catches it says where."""


def brief(value: object) -> str:
    """A value as a message can show it, however long or deep it is."""
    return _BRIEF.repr(value)


def an_object(item: Any) -> Mapping[str, Any]:
    """What must be an object."""
    if not isinstance(item, dict):
        raise MalformedError(f"this is no object: {brief(item)}")
    return item


def fetch(item: Any, key: str, kind: type[Read]) -> Read:
    """The value of a key that must be there."""
    if key not in an_object(item):
        raise MalformedError(f"`{key}` is missing")
    value = item[key]
    if not isinstance(value, kind):
        raise MalformedError(f"`{key}` is no {_KINDS.get(kind, kind.__name__)}: {brief(value)}")
    return value


def text(item: Any, key: str) -> str:
    """The text of a key that must be there, and not be blank."""
    found = fetch(item, key, str)
    if not found.strip():
        raise MalformedError(f"`{key}` is empty")
    return found


def some_text(item: Any, *keys: str) -> str | None:
    """The first text among the values of `keys` that is not blank, if there is one."""
    values = map(an_object(item).get, keys)
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def number(value: Any) -> float:
    """A number that pixels can be made of; also one that is written as text, as XML has them."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise MalformedError(f"this is no number: {brief(value)}") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MalformedError(f"this is no number: {brief(value)}")
    if not abs(value) < _LARGEST:  # nor is NaN
        raise MalformedError(f"a number is too large: {brief(value)}")
    return value


def numbers(values: Any) -> tuple[float, ...]:
    """A list of numbers."""
    if not isinstance(values, list):
        raise MalformedError(f"this must be a list of numbers: {brief(values)}")
    return tuple(map(number, values))


def four(values: Any) -> Edges:
    """The numbers of a box."""
    if not isinstance(values, list) or len(values) != 4:
        raise MalformedError(f"a box must be four numbers, not {brief(values)}")
    a, b, c, d = numbers(values)
    return a, b, c, d


def of_corner(values: Edges) -> Edges:
    """Edges from x, y, width and height."""
    x, y, width, height = values
    return x, y, x + width, y + height


def side(value: Any) -> int | None:
    """A picture's width or height in pixels; None where the file does not say it, or says 0, as some do."""
    if value is None or (found := number(value)) == 0:
        return None
    if found < 1 or found != int(found):
        raise MalformedError(f"{brief(value)} is no width or height in pixels")
    return int(found)


def size(width: Any, height: Any) -> Size | None:
    """A picture's size in pixels; None where the file does not say it."""
    sides = side(width), side(height)
    return None if sides[0] is None or sides[1] is None else Size(sides[0], sides[1])


def listed(tree: Any) -> list[Any]:
    """The parts of a file that is a list of them, or one alone."""
    return tree if isinstance(tree, list) else [tree] if isinstance(tree, dict) else []


def readings(
    called: str,
    items: Iterable[Any],
    read: Callable[Concatenate[Any, Rest], Read],
    *arguments: Rest.args,
    **keywords: Rest.kwargs,
) -> Iterator[tuple[str, Callable[[], Read]]]:
    """What `readable` takes: how each item is called, by its number, and what reads it."""
    for at, item in enumerate(items):
        yield f"{called} {at}", partial(read, item, *arguments, **keywords)


def readable(
    items: Iterable[tuple[str, Callable[[], Read]]],
) -> tuple[list[Read], list[str]]:
    """What can be read of many, each with the words that call it; and a line for each that cannot, with the reason."""
    found, left_out = [], []
    for called, read in items:
        try:
            found.append(read())
        except MalformedError as error:
            left_out.append(f"left out {called}: {error}")
    return found, left_out
