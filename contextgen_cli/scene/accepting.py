"""A quick yes to documents that a schema accepts, as it does nearly all of a large batch. The validator, ten times
slower, need only look at the others, to say what is wrong with them.

The yes is sure, a no is not: a keyword that is unknown here accepts nothing, and 768.0 is no whole number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Test = Callable[[Any], bool]
Inner = Callable[[Any], Test]  # a schema inside the one that is looked at -> its test
Keyword = Callable[[Any, Mapping[str, Any], Inner], Test]  # a keyword's value, the schema around it -> its test

_NOTES = ("$schema", "$id", "$defs", "title", "description", "examples", "default")
_NUMBERS = (int, float)
_TYPES = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": _NUMBERS,
    "boolean": (bool,),
    "null": (type(None),),
}


def acceptor(schema: Mapping[str, Any]) -> Test:
    """A test that is true only of values that `schema`, which must not refer to itself, accepts."""

    def compiled(inner: Any) -> Test:
        if isinstance(inner, bool):
            return lambda value: inner
        tests = [known.get(key, _unknown)(inner[key], inner, compiled) for key in inner if key not in _NOTES]
        return tests[0] if len(tests) == 1 else lambda value: _all(tests, value)

    def referred(name: str, *_: Any) -> Test:
        return compiled(schema["$defs"][name.removeprefix("#/$defs/")])

    known: dict[str, Keyword] = {**_KEYWORDS, "$ref": referred}
    return compiled(schema)


def _all(tests: list[Test], value: Any) -> bool:
    for test in tests:  # noqa: SIM110  a generator would take twice the time
        if not test(value):
            return False
    return True


def _of(kinds: tuple[type, ...], test: Test) -> Test:
    """A keyword says something of values of its kind only."""
    return lambda value: type(value) not in kinds or test(value)


def _unknown(wanted: Any, around: Mapping[str, Any], inner: Inner) -> Test:
    return lambda value: False


def _type(wanted: Any, *_: Any) -> Test:
    kinds = tuple(kind for name in ([wanted] if isinstance(wanted, str) else wanted) for kind in _TYPES[name])
    return lambda value: type(value) in kinds


def _properties(wanted: Mapping[str, Any], _: Any, inner: Inner) -> Test:
    tests = {name: inner(schema) for name, schema in wanted.items()}
    return _of((dict,), lambda value: all(tests[name](value[name]) for name in value if name in tests))


def _others(wanted: Any, around: Mapping[str, Any], inner: Inner) -> Test:
    known, test = around.get("properties", {}), inner(wanted)
    return _of((dict,), lambda value: all(test(value[name]) for name in value if name not in known))


def _dependent(wanted: Mapping[str, Any], _: Any, inner: Inner) -> Test:
    tests = {name: inner(schema) for name, schema in wanted.items()}
    return _of((dict,), lambda value: all(tests[name](value) for name in tests if name in value))


def _names(wanted: Any, _: Any, inner: Inner) -> Test:
    test = inner(wanted)
    return _of((dict,), lambda value: all(map(test, value)))


def _items(wanted: Any, _: Any, inner: Inner) -> Test:
    test = inner(wanted)
    return _of((list,), lambda value: all(map(test, value)))


def _any(wanted: list[Any], _: Any, inner: Inner) -> Test:
    tests = [inner(schema) for schema in wanted]
    return lambda value: any(test(value) for test in tests)


def _not(wanted: Mapping[str, Any], *_: Any) -> Test:
    """Only what is sure to be refused is accepted here: words that are not in a list of them."""
    words = wanted["enum"] if set(wanted) == {"enum"} else None
    return lambda value: words is not None and type(value) is str and value not in words


def _pattern(wanted: str, *_: Any) -> Test:
    search = re.compile(wanted).search
    return _of((str,), lambda value: search(value) is not None)


_KEYWORDS: Mapping[str, Keyword] = {
    "type": _type,
    "const": lambda wanted, *_: lambda value: repr(value) == repr(wanted),  # True == 1
    "enum": lambda wanted, *_: lambda value: type(value) is str and value in wanted,
    "required": lambda wanted, *_: _of((dict,), lambda value: all(name in value for name in wanted)),
    "properties": _properties,
    "additionalProperties": _others,
    "propertyNames": _names,
    "dependentSchemas": _dependent,
    "minProperties": lambda least, *_: _of((dict,), lambda value: len(value) >= least),
    "items": _items,
    "minItems": lambda least, *_: _of((list,), lambda value: len(value) >= least),
    "maxItems": lambda most, *_: _of((list,), lambda value: len(value) <= most),
    "uniqueItems": lambda wanted, *_: _of(
        (list,), lambda value: all(type(each) is int for each in value) and len(set(value)) == len(value)
    ),
    "pattern": _pattern,
    "minLength": lambda least, *_: _of((str,), lambda value: len(value) >= least),
    "maxLength": lambda most, *_: _of((str,), lambda value: len(value) <= most),
    "minimum": lambda least, *_: _of(_NUMBERS, lambda value: value >= least),
    "maximum": lambda most, *_: _of(_NUMBERS, lambda value: value <= most),
    "multipleOf": lambda step, *_: _of(_NUMBERS, lambda value: value % step == 0),
    "anyOf": _any,
    "not": _not,
}
