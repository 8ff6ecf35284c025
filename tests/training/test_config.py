"""The file's schema, the dataclasses and the border between them agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from contextgen.training import config as training
from contextgen.training.config import (
    OBJECTIVES,
    Codec,
    Dpo,
    Flow,
    Folder,
    ImigData,
    Lora,
    Optimizer,
    Samples,
    Stage,
    Start,
    SynthData,
    Text,
    TrainConfig,
)
from contextgen.training.new_model import Geometry
from contextgen_cli.app import training_file
from contextgen_cli.app.train import configuration
from contextgen_cli.resources import resource

SCHEMA = json.loads(resource("schemas/train.schema.json").read_text("utf-8"))
STAGE = "stages.items.properties"
PLACES = {
    "": TrainConfig,
    "start.properties": Start,
    "start.properties.new.properties": Geometry,
    "weights.properties.lora.properties": Lora,
    STAGE: Stage,
    f"{STAGE}.optimizer.properties": Optimizer,
    f"{STAGE}.samples.properties": Samples,
    f"{STAGE}.data.properties.synth.properties": SynthData,
    f"{STAGE}.data.properties.imig.properties": ImigData,
    f"{STAGE}.data.properties.imig.properties.folders.items.properties": Folder,
}
SETTINGS = {STAGE: tuple(OBJECTIVES.values())}  # stand in the stage itself
IN_OTHER_WORDS = {"weights"}  # `full` there, None here


@pytest.mark.parametrize("place", PLACES)
def test_schema_and_dataclass_have_the_same_keys_and_defaults(place: str) -> None:
    keys = _at(place)
    known = {field.name: field for kind in (PLACES[place], *SETTINGS.get(place, ())) for field in fields(kind)}
    assert keys.keys() - {"version"} == known.keys()
    for field in known.values():
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if default is not MISSING and not is_dataclass(default) and field.name not in IN_OTHER_WORDS:
            assert keys[field.name].get("default") == _plain(default), field.name


@pytest.mark.parametrize(
    ("place", "choices"),
    [
        ("precision", training.PRECISIONS),
        (f"{STAGE}.objective", tuple(OBJECTIVES)),
        (f"{STAGE}.attention", training.ATTENTIONS),
        (f"{STAGE}.optimizer.properties.name", training.OPTIMIZERS),
    ],
)
def test_the_choices_are_the_programs(place: str, choices: tuple[str, ...]) -> None:
    assert tuple(_at(place)["enum"]) == choices


def test_every_key_is_explained() -> None:
    assert not [place for place, schema in _keys(SCHEMA, "") if not schema.get("description")]


def test_a_file_becomes_the_run_it_states(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    stated = {
        "version": 1,
        "output": "out",
        "start": {"model": "base", "adapter": "owner/name"},
        "weights": {"lora": {"rank": 8}},
        "stages": [
            {
                "name": "sft",
                "steps": 5,
                "optimizer": {"name": "prodigy", "betas": [0.8, 0.9]},
                "samples": {"every": 2},
                "data": {
                    "imig": {
                        "folders": [{"path": ["basic", "complex"], "weight": 15}, {"path": "composite"}],
                        "size": [64, 96],
                    }
                },
            }
        ],
    }
    stage = Stage(
        name="sft",
        steps=5,
        optimizer=Optimizer(name="prodigy", betas=(0.8, 0.9)),
        samples=Samples(every=2),
        data=ImigData(
            (Folder((tmp_path / "basic", tmp_path / "complex"), 15), Folder(tmp_path / "composite")), (64, 96)
        ),
    )
    start = Start(str(tmp_path / "base"), "owner/name")
    expected = TrainConfig(tmp_path / "out", start, (stage,), weights=Lora(rank=8))
    assert configuration(stated, tmp_path) == expected


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ({}, Flow(text_drop=0.1)),
        ({"objective": "flow", "draws": 2}, Flow(text_drop=0.1, draws=2)),
        ({"objective": "dpo", "beta": 9}, Dpo(text_drop=0.1, beta=9)),
        ({"objective": "codec", "beta": 9}, Codec()),
        ({"objective": "text"}, Text()),
    ],
)
def test_an_objective_takes_its_own_settings(tmp_path: Path, objective: dict[str, Any], expected: object) -> None:
    stage = {"name": "a", "steps": 1, "batch": 3, "text_drop": 0.1, **objective}
    stated = {"version": 1, "output": "out", "start": {"model": "mini"}, "stages": [stage]}
    assert configuration(stated, tmp_path).stages == (Stage("a", 1, expected, batch=3),)


def test_the_embedded_models_own_file_is_read_without_a_word() -> None:
    read = training_file.read(Path(training.__file__).parents[1] / "mini" / "train.yaml")
    assert read.problems == ()
    stages = configuration(read.values, Path()).stages
    assert [stage.objective for stage in stages[:3]] == [Codec(), Text(), Flow(text_drop=0.1, box_weight=1.0)]
    assert stages[-1].objective == Flow(draws=2, text_drop=0.05, logit_mean=0.5, logit_std=1.3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stages": ()},
        {"start": Start()},
        {"start": Start(model="a", new={})},
        {"weights": Lora(), "train_text_encoders": True},
        {"weights": Lora(), "stages": (Stage("codec", 1, Codec()),)},
        {"weights": Lora(), "stages": (Stage("text", 1, Text()),)},
        {"precision": "fp32"},
    ],
)
def test_a_run_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    verified = {"output": Path("out"), "start": Start(model="a"), "stages": (Stage("a", 1),)}
    with pytest.raises(ValueError):
        TrainConfig(**{**verified, **wrong})


@pytest.mark.parametrize("make", [Flow, Dpo])
def test_a_choice_that_is_none_is_refused(make: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="unknown attention 'dense': use one of masked, exact"):
        make(attention="dense")
    with pytest.raises(ValueError, match="unknown optimizer 'sgd': use one of adamw, prodigy"):
        Optimizer(name="sgd")


def _at(place: str) -> dict[str, Any]:
    found = SCHEMA["properties"]
    for key in filter(None, place.split(".")):
        found = found[key]
    return found


def _keys(schema: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(schema, dict):
        return []
    own = [(f"{place}.{name}", value) for name, value in schema.get("properties", {}).items()]
    return own + [key for name, value in schema.items() for key in _keys(value, f"{place}.{name}")]


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
