"""JSON is read as it stands; what is wrong in it is told at its place."""

from __future__ import annotations

import json

import pytest
from good_scene import Check


def as_json(**changes: object) -> dict[str, object]:
    box = {"x": 0, "y": 0, "width": 128, "height": 128}
    scene = {
        "version": 1,
        "prompt": "Ein Krebs 🦀",
        "canvas": {"width": 256, "height": 128},
        "references": {"crab": {"image": "crab.png"}},
        "instances": [{"reference": "crab", "box": box}],
    }
    return {**scene, **changes}


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_read(indent: int | str | None, check: Check) -> None:
    (scene,) = check(json.dumps(as_json(), indent=indent), name="scene.json").scenes
    assert scene.prompt == "Ein Krebs 🦀"  # json.dumps writes it as a pair of surrogates


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        (json.dumps(as_json(seeds=[1, 1]), indent=0), "repeated-item", 24, 10),
        ('{"a": 1,\n "a": 2}', "duplicate-key", 2, 2),
        ('{"a": 1\n "b": 2}', "json-syntax", 2, 2),
        ('{"a": [1, 2}', "json-syntax", 1, 12),
        ('{"a": NaN}', "json-number", 1, 7),
        ('{"a": "\\ud800"}', "control-character", 1, 7),
        ("{" + '"a":{' * 3000, "too-deep", 1, 121),
        ('{"a": ' + "9" * 5000 + "}", "json-number", 1, 7),
        ('{"a": ' + "9" * 41 + "}", "json-number", 1, 7),
    ],
)
def test_json_problems(text: str, code: str, line: int, column: int, check: Check) -> None:
    errors = check(text, name="scene.json").errors
    assert (code, line, column) in [(problem.code, problem.line, problem.column) for problem in errors]


def test_json_numbers_need_no_care(check: Check) -> None:
    (scene,) = check(json.dumps(as_json(sampling={"guidance": 1e-3})), name="scene.json").scenes
    assert scene.sampling.guidance == 0.001


def test_the_values_of_each_document_are_counted(check: Check) -> None:
    text = '{"many": [' + ", ".join(["7"] * 30_000) + "]}\n"
    assert "too-many-values" not in {problem.code for problem in check(text * 2, name="scene.json").errors}
    twice = text.replace("]}", ", " + ", ".join(["7"] * 30_000) + "]}")
    (problem,) = check(twice, name="scene.json").errors
    assert (problem.code, problem.line) == ("too-many-values", 1)
