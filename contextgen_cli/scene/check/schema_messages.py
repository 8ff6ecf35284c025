"""A person's words for what the schema's keywords refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contextgen_cli.scene.check.suggestions import did_you_mean
from contextgen_cli.scene.parse.nodes import KeyPath, dotted
from contextgen_cli.scene.parse.odd_letters import remark

Violation = Any  # jsonschema's ValidationError; its stubs call every field optional
Explanation = tuple[str, str, str | None]  # code, message, hint
_CHOICES = re.compile(r"\^([a-z|]+)\$")  # a pattern that is a choice of words
_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "boolean": "true or false",
    "null": "null",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
_LONGEST_NAME = 100
_LENGTHS = 'whole pixels, such as 120, or per cent, such as "45%" or "12.5%"'


def explained(error: Violation, path: KeyPath) -> Explanation:
    """What is wrong with the value at `path`."""
    return _EXPLAIN.get(error.validator, _unexplained)(error, _subject(path))


def wanted(error: Violation) -> str:
    """What the schema takes instead of the value that it refuses."""
    if error.validator == "enum":
        return f"one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "anyOf":
        return _LENGTHS
    return " or ".join(_KINDS.get(kind, str(kind)) for kind in _kinds(error))


def _kinds(error: Violation) -> list[Any]:
    return error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]


def _subject(path: KeyPath) -> str:
    return f"`{_last_name(path)}`" if path else "a scene"


def _last_name(path: KeyPath) -> str:
    """The last key; for items of a list with the list's name: `seeds[2]`."""
    start = max((index for index, key in enumerate(path) if isinstance(key, str)), default=0)
    return dotted(path[start:])


def _found(value: object) -> str:
    if value is None:
        return "it is empty"
    if isinstance(value, bool):
        return f"this is {str(value).lower()}"
    if isinstance(value, str):
        return f'this is the text "{value[:40]}{"…" if len(value) > 40 else ""}"{remark(value[:40])}'
    if isinstance(value, Mapping):
        return "this is a mapping"
    return "this is a list" if isinstance(value, list) else f"this is {value}"


def _wrong_kind(error: Violation, subject: str) -> Explanation:
    kinds = _kinds(error)
    hint = None
    if isinstance(error.instance, str) and not {"string", "object", "array"} & set(kinds):
        hint = "remove the quotes" if error.instance.strip().lstrip("-").isdigit() else None
    elif "string" in kinds and isinstance(error.instance, (bool, int, float)):
        hint = f'for the text, write "{json.dumps(error.instance)}" in quotes'
    return "wrong-type", f"{subject} must be {wanted(error)}; {_found(error.instance)}", hint


def _out_of_range(error: Violation, subject: str) -> Explanation:
    message = f"{subject} must be {_BOUNDS[error.validator]} {error.validator_value}; {_found(error.instance)}"
    return "out-of-range", message, None


def _no_multiple(error: Violation, subject: str) -> Explanation:
    step, value = error.validator_value, error.instance
    below = int(value // step * step)
    hint = f"the nearest are {below} and {below + step}"
    return "not-a-multiple", f"{subject} must be a multiple of {step}; {_found(value)}", hint


def _bad_text(error: Violation, subject: str) -> Explanation:
    pattern = str(error.validator_value)
    if pattern == "\\S" or error.validator == "minLength":
        return "empty-text", f"{subject} is empty", None
    if error.validator == "maxLength" and error.validator_value > _LONGEST_NAME:
        most, found = error.validator_value, len(error.instance)
        return "too-long", f"{subject} has {found:,} letters; at most {most:,} are possible", "say it in fewer words"
    if choices := _CHOICES.fullmatch(pattern):
        return _no_choice_of(choices[1].split("|"), error, subject)
    if subject == "`model`":
        hint = "a scene names a model by alias (see `contextgen models`); give a path with --model"
        return "bad-alias", f"{subject} must be an alias; {_found(error.instance)}", hint
    hint = "use letters, digits, '.', '_' and '-'; begin with a letter, a digit or '_'; at most 100"
    return "bad-name", f"{subject} cannot be a name; {_found(error.instance)}", hint


def _bad_length(error: Violation, subject: str) -> Explanation:
    return "bad-length", f"{subject} is no length; {_found(error.instance)}", f"write {_LENGTHS}"


def _no_choice(error: Violation, subject: str) -> Explanation:
    return _no_choice_of([str(choice) for choice in error.validator_value], error, subject)


def _no_choice_of(choices: Sequence[str], error: Violation, subject: str) -> Explanation:
    hint = did_you_mean(str(error.instance), choices)
    return "unknown-value", f"{subject} must be one of {', '.join(choices)}; {_found(error.instance)}", hint


def _wrong_version(error: Violation, subject: str) -> Explanation:
    message = f"{subject} must be {error.validator_value}; {_found(error.instance)}"
    return "wrong-version", message, f"this program reads version {error.validator_value}"


def _wrong_number_of_items(error: Violation, subject: str) -> Explanation:
    if error.validator == "maxProperties":
        return "too-many-keys", f"{subject} must have only one of {', '.join(error.instance)}", None
    count = error.schema.get("maxItems")
    if count is not None and count == error.schema.get("minItems"):
        return "wrong-length", f"{subject} must hold {count} items, not {len(error.instance)}", None
    if error.validator == "maxItems":
        limit, found = error.validator_value, len(error.instance)
        return "too-many-items", f"{subject} holds {found} items; at most {limit} are possible", None
    return "empty-list", f"{subject} is empty; at least one is needed", None


def _repeated_items(error: Violation, subject: str) -> Explanation:
    twice = repeated(error.instance)
    return "repeated-item", f"{subject} holds {twice} twice", "each would paint the same picture"


def repeated(items: Sequence[object]) -> str | float | None:
    """The first text or number that is in the list before; lists and mappings, which no list of ours may hold, pass."""
    seen = set()
    for item in items:
        if isinstance(item, str | int | float):
            key = isinstance(item, bool), item  # to Python, true is 1
            if key in seen:
                return item
            seen.add(key)
    return None


def _unexplained(error: Violation, subject: str) -> Explanation:
    return "invalid-value", f"{subject}: {error.message}", None


_EXPLAIN: dict[str, Callable[[Violation, str], Explanation]] = {
    "type": _wrong_kind,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "exclusiveMinimum": _out_of_range,
    "exclusiveMaximum": _out_of_range,
    "multipleOf": _no_multiple,
    "pattern": _bad_text,
    "minLength": _bad_text,
    "maxLength": _bad_text,
    "enum": _no_choice,
    "anyOf": _bad_length,
    "const": _wrong_version,
    "minItems": _wrong_number_of_items,
    "maxItems": _wrong_number_of_items,
    "maxProperties": _wrong_number_of_items,
    "minProperties": _wrong_number_of_items,
    "uniqueItems": _repeated_items,
}
