"""A record's scene is one that a scene file could have said, or none at all."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from painting import write_scene

from contextgen_cli.records.json_fields import Fields
from contextgen_cli.records.recorded_scene import recorded_scene
from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.writing import to_record

HUGE = 10**400


@pytest.fixture
def record(tmp_path) -> dict[str, Any]:
    write_scene(tmp_path / "layout.yaml")
    crop = {"x": 4, "y": 4, "width": 100, "height": 90}
    references = {"crab": {"image": "refs/crab.png", "crop": crop}, "bag": {"image": "refs/bag.png"}}
    changes = {"references": references, "layout": "refs/bag.png", "sampling": {"steps": 3, "guidance": 1.5}}
    path = write_scene(tmp_path / "picnic.yaml", **changes)
    (scene,) = load([str(path)], LoadOptions(deep=False)).scenes
    return to_record(scene)


def test_what_a_scene_file_says_is_taken(record) -> None:
    scene = recorded_scene(Fields(record))
    assert (scene.name, scene.sampling.steps, scene.sampling.guidance) == ("picnic", 3, 1.5)
    assert to_record(scene) == record


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["version"], 2),
        (["name"], "../../escape"),
        (["name"], ".hidden"),
        (["name"], "x" * 5000),
        (["prompt"], 7),
        (["prompt"], "x" * (1 << 21)),
        (["canvas", "width"], 1_000_000),
        (["canvas", "height"], 63),
        (["canvas", "height"], 128.0),
        (["model"], 5),
        (["layout"], 5),
        (["layout"], "/etc/hosts"),
        (["layout"], "a\0b"),
        (["layout"], ""),
        (["references"], []),
        (["references", "crab", "image"], "/etc/hosts"),
        (["references", "crab", "image"], None),
        (["references", "crab", "mask"], 5),
        (["references", "crab", "mask"], "/etc/hosts"),
        (["references", "crab", "crop", "right"], HUGE),
        (["references", "crab", "crop", "left"], -1),
        (["references", "crab", "crop"], {"left": 0, "top": 0, "right": 9000, "bottom": 9000}),
        (["instances"], []),
        (["instances"], {}),
        (["instances", 0, "box", "right"], HUGE),
        (["instances", 0, "box", "right"], float("nan")),
        (["instances", 0, "box", "left"], "8"),
        (["instances", 0, "box", "left"], True),
        (["instances", 0, "box"], {"left": -9000, "top": -9000, "right": 9000, "bottom": 9000}),
        (["instances", 0, "fit"], "elsewhere"),
        (["instances", 0, "flip"], "sideways"),
        (["instances", 0, "rotate"], 361),
        (["instances", 0, "rotate"], "15"),
        (["instances", 0, "rotate"], float("nan")),
        (["instances", 0, "reference"], "nobody"),
        (["sampling"], None),
        (["sampling", "steps"], 10**9),
        (["sampling", "steps"], 0),
        (["sampling", "steps"], "x"),
        (["sampling", "guidance"], "nan"),
        (["sampling", "guidance"], float("nan")),
        (["sampling", "guidance"], 101),
        (["sampling", "other"], 1),
        (["seeds"], 5),
    ],
    ids=str,
)
def test_what_none_can_say_is_refused(record, place, value) -> None:
    forged = copy.deepcopy(record)
    within: Any = forged
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = value
    with pytest.raises((ValueError, TypeError, KeyError)):
        recorded_scene(Fields(forged))


def test_more_instances_than_a_scene_may_have(record) -> None:
    with pytest.raises(ValueError, match="`instances` is no list of 64 at most"):
        recorded_scene(Fields({**record, "instances": record["instances"] * 40}))
