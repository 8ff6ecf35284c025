"""The quick yes to a document is the validator's yes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from contextgen_cli.scene.accepting import acceptor
from contextgen_cli.scene.structure import read_schema

from .conftest import GOOD

SCENE = read_schema("scene")
ACCEPTS, VALIDATOR = acceptor(SCENE), Draft202012Validator(SCENE)
SHIPPED = sorted((Path(__file__).parents[2] / "scenes").rglob("*.yaml"))
VALUES = (None, True, False, 0, 1, -1, 1.0, 768.0, 0.5, 768, 770, 10**19, "", " ", "x", "5%", "${x}", "yes", [], {})
VALUES = (*VALUES, [1], [1, 1], [1, True], [1, 2.0], [[1], [1]], {"x": 1}, {"left": 0, "x": 1}, {"version": 1})
NAMES = ("seed", "seeds", "count", "matrix", "box", "fit", "crop", "mask", "x", "left", "top", "a b", "steps", "1")


def test_it_accepts_every_scene_that_is_shipped() -> None:
    documents = [each for path in SHIPPED for each in yaml.safe_load_all(path.read_text("utf-8"))]
    assert documents and all(map(ACCEPTS, documents))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_whatever_stands_where_something_else_should_it_accepts_nothing_that_the_validator_refuses(value: Any) -> None:
    for document in _variants(value):
        assert VALIDATOR.is_valid(document) or not ACCEPTS(document), document


def test_nor_where_several_things_are_wrong_or_odd() -> None:
    chance, accepted = random.Random(0), 0
    for _ in range(2000):
        document = yaml.safe_load(GOOD)
        for _ in range(chance.randint(1, 3)):
            chance.choice([*_edits(document, chance.choice(VALUES))])()
        accepted += ACCEPTS(document)
        assert VALIDATOR.is_valid(document) or not ACCEPTS(document), document
    assert accepted


@pytest.mark.parametrize(
    "schema",
    [
        {"const": 1},
        {"const": [1]},
        {"enum": ["x", 1]},
        {"type": ["boolean", "null"]},
        {"type": "number", "maximum": 1},
        {"uniqueItems": True},
        {"$defs": {"any": True}, "$ref": "#/$defs/any", "minimum": 1},
        {"prefixItems": [{"type": "integer"}], "items": False},
    ],
    ids=repr,
)
def test_nor_of_other_schemas(schema: dict[str, Any]) -> None:
    validator, accepts = Draft202012Validator(schema), acceptor(schema)
    for value in VALUES:
        assert validator.is_valid(value) or not accepts(value), value


@pytest.mark.parametrize("schema", [{"oneOf": [True]}, {"type": "object", "if": True}, {"not": {"type": "string"}}])
def test_it_accepts_nothing_where_a_keyword_is_unknown_to_it(schema: dict[str, Any]) -> None:
    assert not any(map(acceptor(schema), VALUES))


def _variants(value: Any) -> Iterator[Any]:
    """The good scene with `value` in every place, one at a time."""
    for number, _ in enumerate(_edits(yaml.safe_load(GOOD), value)):
        document = yaml.safe_load(GOOD)
        list(_edits(document, value))[number]()
        yield document


def _edits(node: Any, value: Any) -> Iterator[Any]:
    """Ways to put `value` somewhere into a tree, or to take something out."""
    if isinstance(node, dict):
        for name in (*node, *NAMES):
            yield lambda name=name: node.__setitem__(name, deepcopy(value))
        for name in node:
            yield lambda name=name: node.pop(name, None)
    if isinstance(node, list):
        for index in range(len(node)):
            yield lambda index=index: node.__setitem__(index, deepcopy(value))
        yield lambda: node.append(deepcopy(value))
    for inner in list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _edits(inner, value)
