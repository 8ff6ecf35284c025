"""What a picture remembers is read back, and what sets it apart from another job is said in words."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from folders import OTHER_RECIPE, paint

from contextgen_cli.errors import UsageError
from contextgen_cli.models.numerics import DTYPES
from contextgen_cli.records.picture_file import read_record
from contextgen_cli.records.record import parse_record
from contextgen_cli.records.recording import changes

PICTURE = Path("out/picnic-0.png")


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    """That of a picture painted with every part of a recipe stated."""
    paint(tmp_path / "out", "picnic", seed=7, recipe=OTHER_RECIPE)
    return read_record(tmp_path / "out" / "picnic-7.png")


def with_value(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of which one key is another; `~` stands for a slash in it."""
    changed = copy.deepcopy(record)
    *outer, last = (part.replace("~", "/") for part in path.split("/"))
    within: Any = changed
    for key in outer:
        within = within[int(key)] if isinstance(within, list) else within[key]
    within[last] = value
    return changed


def test_it_is_understood(record) -> None:
    found = parse_record(record, PICTURE, DTYPES)
    assert (found.seed, found.scene.name, found.scene.prompt) == (7, "picnic", "a crab is holding a bag")
    assert (found.model, found.adapters) == (OTHER_RECIPE.model, OTHER_RECIPE.adapters)
    assert found.digest(Path("refs/crab.png")) == record["inputs"]["refs/crab.png"]
    assert found.versions == record["versions"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "float32, attention exact, ica released"),
        ({"approximations": "cache-steps=taylor"}, "float32, attention exact, ica released, cache-steps=taylor"),
        ({"compiled": True}, "float32, attention exact, ica released, compiled"),
    ],
)
def test_how_it_was_computed_in_words(record, more, words) -> None:
    assert parse_record({**record, **more}, PICTURE, DTYPES).computed == words


def test_a_picture_without_an_adapter(record) -> None:
    assert parse_record({**record, "adapter": None}, PICTURE, DTYPES).adapters == ()


@pytest.mark.parametrize("broken", ["seed", "model", "scene", "inputs", "dtype"])
def test_a_record_that_lacks_something_is_told_and_by_whom_it_may_be(record, broken) -> None:
    record.pop(broken)
    with pytest.raises(UsageError, match=r"out/picnic-0\.png: its record cannot be read") as caught:
        parse_record(record, PICTURE, DTYPES)
    assert "another version" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("scene/name", 5),
        ("scene/prompt", None),
        ("scene/canvas/width", 0),
        ("scene/instances/0/reference", "nobody"),
        ("scene/instances/0/box", {"left": 8, "top": 8, "right": 8, "bottom": 9}),
        ("inputs", {}),
        ("inputs/refs~crab.png", "f0"),
        ("inputs/refs~crab.png", "F0" * 32),
        ("model/name", "/home/somebody/model"),
        ("model/name", "models/../../elsewhere"),
        ("adapter/name", "../adapter"),
        ("adapter/scale", "much"),
        ("adapter/scale", True),
        ("adapter/strength", 7),
        ("adapter", [None]),
    ],
)
def test_a_record_that_no_picture_has_is_refused(record, path, value) -> None:
    with pytest.raises(UsageError, match="its record cannot be read"):
        parse_record(with_value(record, path, value), PICTURE, DTYPES)


def test_nothing_sets_a_job_apart_from_itself(record) -> None:
    assert changes(record, record) == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("scene/prompt", "something else", "prompt"),
        ("scene/canvas", {"width": 64, "height": 64}, "canvas 128x96 -> 64x64"),
        ("scene/instances/0/box", {"x": 0, "y": 0, "width": 8, "height": 8}, "boxes"),
        ("scene/references/crab/crop", {"x": 0, "y": 0, "width": 8, "height": 8}, "references or crops"),
        ("inputs/refs~crab.png", "0" * 64, "refs/crab.png changed"),
        ("inputs/refs~new.png", "0" * 64, "refs/new.png is new"),
        ("dtype", "bfloat16", "dtype float32 -> bfloat16"),
        ("attention", "masked", "attention exact -> masked"),
        ("ica", "paper", "ica released -> paper"),
        ("numerics", 2, "numerics 1 -> 2"),
        ("model", {"name": "other", "digest": "cc" * 32}, "model tiny-kontext (aaaaaaaa) -> other (cccccccc)"),
        ("adapter", None, "adapter adapter (bbbbbbbb) -> none"),
        ("approximations", "quantize=int8", "approximated nothing -> quantize=int8"),
        ("compiled", True, "compiled"),
    ],
)
def test_what_sets_a_job_apart_is_said(record, path, value, words) -> None:
    assert changes(record, with_value(record, path, value)) == [words]


def test_what_is_gone_is_said_too(record) -> None:
    older = {**record, "compiled": True, "inputs": {**record["inputs"], "refs/old.png": "0" * 64}}
    assert changes(older, record) == ["refs/old.png is gone", "not compiled"]


def test_a_record_of_almost_nothing_is_compared_all_the_same(record) -> None:
    assert "canvas unknown -> 128x96" in changes({}, record)
