"""What is written is read back as the same scene."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from good_scene import GOOD, Check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contextgen_cli.scene.loader import Loaded
from contextgen_cli.scene.scene import Box, Fit, Flip, PlacedReference, Reference, Sampling, Scene, Size
from contextgen_cli.scene.writing import from_record, to_record, to_yaml


def example(folder: Path) -> Scene:
    return Scene(
        name="picnic",
        prompt="A crab.",
        canvas=Size(256, 128),
        references=(Reference("crab", folder / "crab.png", crop=Box(0, 0, 150, 150)),),
        instances=(
            PlacedReference("crab", Box(0, 0, 100, 100)),
            PlacedReference("crab", Box(9.3, 10, 200.7, 90), Fit.IMAGE, Flip.VERTICAL, -12.5),
        ),
        seeds=(3, 1),
        sampling=Sampling(4, 3.5),
        model="kontext",
    )


def only(loaded: Loaded) -> Scene:
    assert not loaded.errors, (loaded.errors, loaded)
    (scene,) = loaded.scenes
    return scene


def test_a_scene_survives_being_written(folder: Path, check: Check) -> None:
    scene = example(folder)
    read = only(check(to_yaml(scene, folder)))
    assert replace(read, source=scene.source) == scene


def test_a_box_of_fractions_survives_rescaling(folder: Path, check: Check) -> None:
    scene = example(folder).resized(Size(80, 112))
    assert only(check(to_yaml(scene, folder))).instances == scene.instances


def test_it_is_pleasant_to_read(folder: Path) -> None:
    assert to_yaml(example(folder), folder).split("\n") == [
        "version: 1",
        "name: picnic",
        "prompt: A crab.",
        "canvas: {width: 256, height: 128}",
        "references:",
        "  crab: {image: crab.png, crop: {x: 0, y: 0, width: 150, height: 150}}",
        "instances: # back to front",
        "  - reference: crab",
        "    box: {x: 0, y: 0, width: 100, height: 100}",
        "  - reference: crab",
        "    box: {left: 3.6328125%, top: 7.8125%, right: 78.3984375%, bottom: 70.3125%}",
        "    fit: image",
        "    flip: vertical",
        "    rotate: -12.5",
        "seeds: [3, 1]",
        "sampling: {steps: 4, guidance: 3.5}",
        "model: kontext",
        "",
    ]


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(prompt=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
@pytest.mark.parametrize("reader", ["ours", "PyYAML"])
def test_any_prompt_survives(prompt: str, reader: str, folder: Path, check: Check) -> None:
    prompt = prompt.strip("\ufeff\ufffe\uffff") + " x ${y} no: #1"
    text = to_yaml(replace(example(folder), prompt=prompt), folder)
    if reader == "PyYAML":
        assert yaml.safe_load(text)["prompt"] == prompt.replace("${", "$${")
    elif not {"\ufeff", "\ufffe", "\uffff"} & set(prompt):
        assert only(check(text)).prompt == prompt


AWKWARD = ["no", "12", "1e-3", "a\nb", " x ", "word " * 60 + "end", "'", '"', "- a", "a: b", "a\u2028b", "a\x85b"]


@pytest.mark.parametrize("prompt", AWKWARD)
def test_prompts_that_need_care(prompt: str, folder: Path, check: Check) -> None:
    assert only(check(to_yaml(replace(example(folder), prompt=prompt), folder))).prompt == prompt


def test_letters_that_turn_the_order_are_spelled_out(folder: Path, check: Check) -> None:
    text = to_yaml(replace(example(folder), prompt="a\u202eb\u2066c"), folder)
    assert r'"a\u202eb\u2066c"' in text
    assert only(check(text)).prompt == "a\u202eb\u2066c"


@pytest.mark.parametrize("name", ["no", "null", "On", "y"])
def test_a_reference_may_be_named_as_yaml_names_values(name: str, folder: Path, check: Check) -> None:
    scene = example(folder)
    references = (replace(scene.references[0], name=name),)
    instances = tuple(replace(instance, reference=name) for instance in scene.instances)
    text = to_yaml(replace(scene, references=references, instances=instances), folder)
    assert only(check(text)).references == references


def test_half_of_a_surrogate_pair_is_written_so_that_it_is_refused(folder: Path, check: Check) -> None:
    assert check(to_yaml(replace(example(folder), prompt="a\ud800"), folder)).errors


def test_record(folder: Path, check: Check) -> None:
    scene = only(check(GOOD + "layout: crab.png\nseeds: [4]\n"))
    record = json.loads(json.dumps(to_record(scene)))
    assert str(folder) not in json.dumps(record)
    assert record["references"]["bag"] == {"image": "bag.jpg", "mask": "bag_mask.png", "crop": None}
    back = from_record(record)
    assert back == replace(
        scene,
        layout=Path("crab.png"),
        references=(
            Reference("crab", Path("crab.png")),
            Reference("bag", Path("bag.jpg"), Path("bag_mask.png")),
        ),
        source=back.source,
    )
    again = only(check(to_yaml(back, folder)))
    assert replace(again, name=scene.name, source=scene.source) == scene


def test_a_record_has_all_that_a_scene_says(folder: Path) -> None:
    scene = replace(example(Path()), layout=Path("layout.png"))
    assert from_record(json.loads(json.dumps(to_record(scene)))) == scene


def test_a_record_never_names_the_machine(folder: Path, check: Check) -> None:
    (folder / "inner").mkdir()
    text = GOOD.replace("image: crab.png", f"image: {folder}/crab.png").replace("image: bag", "image: ../bag")
    scene = only(check(text.replace("mask: ", "mask: ../"), name="inner/scene.yaml"))
    assert to_record(scene)["references"]["crab"]["image"] == "../crab.png"
    elsewhere = replace(scene.references[0], image=Path("/elsewhere/x/crab.png"))
    record = to_record(replace(scene, references=(elsewhere,)))
    assert record["references"]["crab"]["image"] == "crab.png"


@pytest.mark.parametrize("record", [{}, {"version": 2}, {"version": 1, "name": "x"}])
def test_no_record(record: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        from_record(record)
