"""Holds a document against the schema, and says in a person's words where it differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from contextgen_cli.resources import resource
from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.schema_messages import Violation, explained, repeated, wanted
from contextgen_cli.scene.check.suggestions import did_you_mean, nearest
from contextgen_cli.scene.parse.nodes import KeyPath, Node, Spot, dotted, key_spot, plain, spot
from contextgen_cli.scene.parse.odd_letters import remark

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_CORNER_KEYS = ("x", "y", "width", "height")
_EDGE_KEYS = ("left", "top", "right", "bottom")
_LONGEST_EXAMPLE = 60
_TEXTS_TO_QUOTE = ("yaml-boolean", "yaml-sexagesimal", "yaml-date")  # twists that are no text where none may be


@lru_cache
def read_schema(name: str) -> dict[str, Any]:
    """A schema as shipped: of `scene` files or of `train` files."""
    schema: dict[str, Any] = json.loads(resource(f"schemas/{name}.schema.json").read_text("utf-8"))
    return schema


@lru_cache
def _validator(name: str, is_template: bool) -> Draft202012Validator:
    """A template may have `${name}` where its matrix will put a number, as in an editor; a scene may not."""
    from jsonschema import Draft202012Validator  # costs start-up time that `--help` need not pay
    from jsonschema.validators import extend

    schema = dict(read_schema(name))
    definitions = schema.pop("$defs", {})
    if not is_template:
        definitions = {**definitions, "substituted": {"not": {}}}
    kind = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"items": _items, "uniqueItems": _unique_items}
    )
    validator: Draft202012Validator = kind(_written_out(schema, definitions))
    return validator


def _written_out(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with each `$ref` replaced by what it stands for: to follow them takes a fifth of the time."""
    if isinstance(schema, list):
        return [_written_out(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    own = {key: _written_out(value, definitions) for key, value in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return own
    return {**_written_out(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions), **own}


def _items(validator: Any, items: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Violation]:
    """As the standard has it, but of a list that is too long no more is looked at than may be there."""
    if isinstance(instance, list):
        for index, item in enumerate(instance[: schema.get("maxItems")]):
            yield from validator.descend(item, items, path=index)


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Mapping[str, Any]) -> Iterator[Violation]:
    """As the standard has it for texts and numbers, in time that grows with the list, not with its square."""
    from jsonschema import ValidationError

    if unique and isinstance(instance, list) and repeated(instance) is not None:
        yield ValidationError("an item is repeated")


def check(
    root: Node, report: ProblemCollector, *, schema: str = "scene", is_template: bool = False
) -> frozenset[KeyPath]:
    """Report what the schema refuses; the paths whose values cannot be used."""
    checker = _Checker(root, report)
    for error in _validator(schema, is_template).iter_errors(plain(root)):
        checker.explain(error)
    return frozenset(checker.broken)


class _Checker:
    """Turns the validator's errors on one document into problems."""

    def __init__(self, root: Node, report: ProblemCollector) -> None:
        self.broken: set[KeyPath] = set()
        self._root = root
        self._report = report

    def explain(self, error: Violation, base: KeyPath = ()) -> None:
        """`base`: where the value of the error around this one is; a path below `anyOf` is relative to it."""
        path = (*base, *error.path)
        keyword = str(error.validator)
        if keyword == "additionalProperties":
            self._unknown_keys(error, path)
        elif keyword == "required":
            self._missing_keys(error, path)
        elif keyword == "anyOf":
            self._no_branch(error, path)
        elif "dependentSchemas" in error.schema_path:
            at = key_spot(self._root, *path, error.instance)
            hint = "give either `seeds`, or `seed` and `count`"
            message = f"`{error.instance}` cannot stand beside `seeds`{self._brought(at, path, ['seeds'])}"
            self._report.error("seeds-twice", message, at, hint)
        elif "propertyNames" in error.schema_path:
            self._bad_name(error, path)
        else:
            self._bad_value(error, path)

    def _bad_value(self, error: Violation, path: KeyPath) -> None:
        self.broken.add(path)
        at = spot(self._root, *path)
        twist = self._report.twist(at.place)
        if twist is None:
            code, message, hint = explained(error, path)
            self._report.error(code, message, at, hint)
        elif twist in _TEXTS_TO_QUOTE and error.validator in ("type", "enum", "anyOf", "const"):
            self._report.advise(at.place, f"write {wanted(error)}")

    def _unknown_keys(self, error: Violation, path: KeyPath) -> None:
        known = error.schema["properties"]
        for key in [key for key in error.instance if key not in known]:
            at = key_spot(self._root, *path, key)
            if not self._report.twist(at.place):
                hint = partial(_known_keys, key, known)
                self._report.error("unknown-key", f"unknown key `{key}`{remark(key)}", at, hint)

    def _missing_keys(self, error: Violation, path: KeyPath) -> None:
        known = error.schema["properties"]
        unknown = islice((key for key in error.instance if key not in known), limits.PROBLEMS)
        misspelt = {nearest(key, known) for key in unknown}
        for key in [key for key in error.schema["required"] if key not in error.instance]:
            self.broken.add((*path, key))
            at = spot(self._root, *path)
            if key not in misspelt and self._report.twist(at.place) != "yaml-tag":
                hint = _example(key, known[key])
                where = f" in `{dotted(path)}`" if path else ""
                self._report.error("missing-key", f"`{key}` is missing{where}", at, hint)

    def _bad_name(self, error: Violation, path: KeyPath) -> None:
        name = error.instance
        self.broken.add((*path, name))
        at = key_spot(self._root, *path, name)
        if not self._report.twist(at.place):
            hint = "begin with a letter or `_`, go on with letters, digits, `_` and `-`"
            self._report.error("bad-name", f"`{name}` cannot be a name{remark(name)}", at, hint)

    def _no_branch(self, error: Violation, path: KeyPath) -> None:
        """Say what is wrong by the form that was meant, not that no form fits."""
        branch = 0
        if "x" in error.validator_value[0].get("properties", {}):
            if self._mixes_forms(error.instance, path):
                return
            branch = int(_uses(error.instance, _EDGE_KEYS) > _uses(error.instance, _CORNER_KEYS))
        elif _is_length(error.validator_value) and type(error.instance) is not int:
            self._bad_value(error, path)
            return
        for inner in error.context or ():
            if inner.schema_path[0] == branch:
                self.explain(inner, path)

    def _mixes_forms(self, box: object, path: KeyPath) -> bool:
        mixes = _uses(box, _CORNER_KEYS) > 0 and _uses(box, _EDGE_KEYS) > 0
        if mixes:
            self.broken.add(path)
            hint = "give either x, y, width and height, or left, top, right and bottom"
            at = spot(self._root, *path)
            cause = self._brought(at, path, (*_CORNER_KEYS, *_EDGE_KEYS))
            message = f"a box of two kinds: a corner and a size mixed with edges{cause}"
            self._report.error("mixed-box", message, at, hint)
        return mixes

    def _brought(self, at: Spot, path: KeyPath, keys: Iterable[str]) -> str:
        """Words for the assignment that put one of the keys beside what the file has at `at`."""
        if at.place.assignment is not None:
            return ""
        assignments = (key_spot(self._root, *path, key).place.assignment for key in keys)
        return next((f", which `{written}` brought" for written in assignments if written), "")


def _known_keys(key: str, known: Iterable[str]) -> str:
    return did_you_mean(key, known) or f"known here: {', '.join(known)}"


def _uses(value: object, keys: Iterable[str]) -> int:
    return sum(key in value for key in keys) if isinstance(value, Mapping) else 0


def _is_length(branches: Sequence[Mapping[str, Any]]) -> bool:
    """Whether per cent may stand beside pixels."""
    return str(branches[1].get("pattern", "")).endswith("%$")


def _example(key: str, schema: Mapping[str, Any]) -> str | None:
    examples = schema.get("examples")
    written = json.dumps(examples[0]) if examples else ""
    return f"for example {key}: {written}" if 0 < len(written) <= _LONGEST_EXAMPLE else None
