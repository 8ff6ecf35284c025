"""Editors read a scene's defaults and limits in its schema, the program has them in Python. They agree."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import pytest

from contextgen_cli.resources import resource
from contextgen_cli.scene import limits
from contextgen_cli.scene.scene import FORMAT_VERSION, Fit, PlacedReference, Reference, Sampling, Scene

SCHEMA = json.loads(resource("schemas/scene.schema.json").read_text("utf-8"))


def test_the_version_is_the_programs() -> None:
    assert SCHEMA["properties"]["version"]["const"] == FORMAT_VERSION


@pytest.mark.parametrize(
    ("place", "dataclass"),
    [
        ("properties", Scene),
        ("properties.sampling.properties", Sampling),
        ("properties.references.additionalProperties.properties", Reference),
        ("properties.instances.items.properties", PlacedReference),
    ],
)
def test_every_default_is_the_dataclass_default(place: str, dataclass: type) -> None:
    keys = _at(place)
    defaults = {field.name: field.default for field in fields(dataclass) if field.default is not MISSING}
    for name in keys.keys() & defaults.keys():
        if (written := _value(keys[name], "default")) is not None:
            assert _plain(defaults[name]) == written, name


def test_defaults_that_are_values_are_written() -> None:
    assert _value(_at("properties.seeds"), "default") == list(Scene.__dataclass_fields__["seeds"].default)
    assert _value(_at("properties.instances.items.properties.fit"), "default") == Fit.AREA.value


@pytest.mark.parametrize(
    ("place", "keyword", "limit"),
    [
        ("$defs.canvasSide", "minimum", limits.SMALLEST_SIDE),
        ("$defs.canvasSide", "maximum", limits.LARGEST_SIDE),
        ("$defs.seed", "maximum", limits.LARGEST_SEED),
        ("properties.count", "maximum", limits.LARGEST_COUNT),
        ("properties.sampling.properties.steps", "maximum", limits.LARGEST_STEPS),
        ("properties.sampling.properties.guidance", "maximum", limits.LARGEST_GUIDANCE),
        ("properties.instances.items.properties.rotate", "maximum", limits.LARGEST_TURN),
        ("properties.instances.items.properties.rotate", "minimum", -limits.LARGEST_TURN),
    ],
)
def test_every_limit_is_the_programs(place: str, keyword: str, limit: int) -> None:
    assert _at(place)["anyOf"][0][keyword] == limit


@pytest.mark.parametrize(
    ("place", "keyword", "limit"),
    [
        ("properties.instances", "maxItems", limits.INSTANCES),
        ("properties.seeds", "maxItems", limits.LARGEST_COUNT),
        ("properties.matrix.additionalProperties", "maxItems", limits.MATRIX_SCENES),
        ("properties.prompt", "maxLength", limits.PROMPT_LETTERS),
    ],
)
def test_every_length_is_the_programs(place: str, keyword: str, limit: int) -> None:
    assert _at(place)[keyword] == limit


def test_every_key_is_explained() -> None:
    assert not [place for place, schema in _keys(SCHEMA, "") if not _value(schema, "description")]


def _at(place: str) -> dict[str, Any]:
    found = SCHEMA
    for key in place.split("."):
        found = _resolved(found)[key]
    return found


def _value(schema: dict[str, Any], keyword: str) -> Any:
    """A keyword of a key's schema, or else of the definition that it refers to."""
    return schema.get(keyword, _resolved(schema).get(keyword))


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema
    for key in schema.get("$ref", "#").split("/")[1:]:
        found = (SCHEMA if found is schema else found)[key]
    return found


def _keys(schema: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    """Every key that a scene file may have, with its schema."""
    if isinstance(schema, list):
        return [key for item in schema for key in _keys(item, place)]
    if not isinstance(schema, dict):
        return []
    own = [(f"{place}.{name}", value) for name, value in schema.get("properties", {}).items()]
    own = [(name, value) for name, value in own if isinstance(value, dict)]
    return own + [key for name, value in schema.items() for key in _keys(value, f"{place}.{name}")]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else getattr(value, "value", value)
