"""`--prompt`, `--seed` and mappings in `--set`: what the command line puts in place of the scene's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from painting import draw_reference, write_scene

from contextgen_cli.records.picture_file import read_record

CANVAS = {"width": 128, "height": 128}


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_scene(tmp_path / "scenes" / f"{name}.yaml", canvas=CANVAS)
    return tmp_path / "scenes"


@pytest.mark.parametrize("prompt", ["a fox on a rock", "7", '{"a": 1}', "[x]"])
def test_a_prompt_is_painted_in_place_of_every_scenes_own(contextgen, tiny, scenes, tmp_path, prompt):
    out = tmp_path / "out"
    assert contextgen("render", scenes, *tiny, "--prompt", prompt, "-o", out).code == 0
    assert [read_record(out / f"{name}-0.png")["scene"]["prompt"] for name in "ab"] == [prompt] * 2


def test_a_prompt_is_checked_as_a_scenes_is(contextgen, scenes, tmp_path):
    assert "mini reads 64 tokens" in contextgen("validate", scenes, "--prompt", "crab " * 90).err
    for verb in (("validate",), ("compose", "-o", tmp_path / "out"), ("render", "-o", tmp_path / "out")):
        told = contextgen(verb[0], scenes, *verb[1:], "--prompt", "${animal} here")
        assert (
            told.code == 2
            and "--prompt: error: `${animal}` is no key of `matrix`\n    --prompt ${animal} here\n" in told.err
        )


def seeds(result) -> list[int]:
    assert result.code == 0, result.err
    return [line["seed"] for line in result.records if line["type"] == "job"]


def test_several_seeds(contextgen, scenes):
    planned = ("render", scenes / "a.yaml", "--device", "cpu", "--dry-run", "--json")
    assert seeds(contextgen(*planned, "--seed", "1,5,9")) == [1, 5, 9]
    assert seeds(contextgen(*planned, "--seed", "5, 1")) == [5, 1]
    assert seeds(contextgen(*planned, "--seed", "7", "--count", 2)) == [7, 8]


def test_a_random_seed_is_drawn_once_told_and_remembered(contextgen, tiny, scenes, tmp_path):
    result = contextgen("render", scenes, *tiny, "--seed", "random", "-o", tmp_path / "out")
    (seed,) = re.findall(r"the seed drawn is (\d+): --seed \1 gives the same pictures", result.err)
    paths = [Path(line) for line in result.lines]
    assert [path.name for path in paths] == [f"a-{seed}.png", f"b-{seed}.png"]
    assert [read_record(path)["seed"] for path in paths] == [int(seed)] * 2
    again = contextgen("render", scenes, *tiny, "--seed", seed, "-o", tmp_path / "out")
    assert "2 skipped" in again.err and "drawn" not in again.err
    other = contextgen("render", scenes, *tiny, "--seed", "random", "-o", tmp_path / "out", "--dry-run")
    assert f"the seed drawn is {seed}:" not in other.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seed", "1,1"), "has a seed twice"),
        (("--seed", "1,x"), "'x' is not a valid integer"),
        (("--seed", "-1"), "is not in the range"),
        (("--seed", "1,2", "--count", 3), "--count counts from one seed, and --seed has several"),
    ],
    ids=str,
)
def test_seeds_that_cannot_be_meant(contextgen, scenes, options, said):
    told = contextgen("render", scenes, *options, "--dry-run", "--device", "cpu")
    assert told.code == 2 and said in told.err


def test_a_mapping_can_be_set(contextgen, scenes, tmp_path):
    draw_reference(scenes / "refs" / "blue.png", "#0000ff")
    for value in ("{image: refs/blue.png}", '{"image": "refs/blue.png"}', "{image: 'refs/blue.png', mask: null}"):
        told = contextgen("validate", scenes, "--set", f"references.crab={value}", "--format", "json")
        assert (told.code == 0) is ("null" not in value), told.out
    boxes = "[{reference: crab, box: {x: 0, y: 0, width: 64, height: 64}}]"
    layouts = [
        contextgen("compose", scenes / "a.yaml", *options, "-o", tmp_path / f"{number}.png").code
        for number, options in enumerate([("--set", f"instances={boxes}"), ()])
    ]
    assert layouts == [0, 0] and (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()


def test_what_is_no_mapping_stays_text(contextgen, scenes, tiny, tmp_path):
    for number, prompt in enumerate(["{red|blue", "a {crab}", "[x, "]):
        out = tmp_path / str(number)
        assert contextgen("render", scenes / "a.yaml", *tiny, "--set", f"prompt={prompt}", "-o", out).code == 0
        assert read_record(out / "a-0.png")["scene"]["prompt"] == prompt
    told = contextgen("validate", scenes / "a.yaml", "--set", "references.crab={image: no}")
    assert told.code == 2 and "--set references.crab={image: no}" in told.err
