"""A family of models from another package renders, validates, reports and replays through the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painting import TINY_ADAPTER, write_scene
from PIL import Image

from contextgen_cli.records.picture_file import read_record

HERE = Path(__file__).parent
PLAIN_INSTANCES = [
    {"reference": "bag", "box": {"x": 8, "y": 16, "width": 56, "height": 64}},
    {"reference": "crab", "box": {"x": 64, "y": 24, "width": 56, "height": 60}},
]


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model folder of the family, which is installed for as long."""
    monkeypatch.syspath_prepend(HERE / "echo")
    folder = tmp_path / "echo model"
    folder.mkdir()
    (folder / "model_index.json").write_text('{"_class_name": "EchoPipeline"}')
    return folder


@pytest.fixture
def picnic(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "picnic.yaml", instances=PLAIN_INSTANCES, seeds=[3, 4])


def pixels(path: Path) -> Any:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("processes", [0, pytest.param(2, marks=pytest.mark.processes)])
def test_it_renders_the_composite_is_skipped_and_replayed(
    contextgen: Callable[..., Any], echo: Path, picnic: Path, tmp_path: Path, processes: int
) -> None:
    out = tmp_path / "out"
    options = ("--model", echo, "--device", "cpu", "--processes", processes)
    done = contextgen("render", picnic, *options, "-o", out, "--save-layout")
    assert done.code == 0, done.err
    first, second = (out / f"picnic-{seed}.png" for seed in (3, 4))
    layout = Image.open(out / "picnic-3.layout.png")
    given = np.asarray(layout)[..., 3] == 255
    assert given.any() and (pixels(first)[given] == np.asarray(layout.convert("RGB"))[given]).all()
    assert (pixels(first)[0, 0] == (3, 0, 0)).all() and (pixels(second)[0, 0] == (4, 0, 0)).all()
    record = read_record(first)
    assert record["model"]["name"] == "echo model" and "attention" not in record
    assert record["scene"]["sampling"] == {"steps": 2, "guidance": None}

    assert "2 skipped" in contextgen("render", picnic, *options, "-o", out, "--save-layout").err
    again = contextgen("replay", first, second, "--model", echo, "--device", "cpu", "-o", tmp_path / "again", "--json")
    assert again.code == 0 and [each["same_bytes"] for each in again.records[:-1]] == [True, True]
    assert contextgen("report", out).code == 0
    assert "picnic" in (out / "report.html").read_text("utf-8")
    assert "numerics: float32" in contextgen("inspect", first).out


def test_a_plan_is_priced_with_the_familys_own_numbers(
    contextgen: Callable[..., Any], echo: Path, picnic: Path, tmp_path: Path
) -> None:
    *jobs, summary = contextgen(
        "render", picnic, "--model", echo, "--dry-run", "--json", "-o", tmp_path / "out"
    ).records
    assert [(job["tokens"], job["steps"], job["model"]) for job in jobs] == [(128 * 96 // 64, 2, "echo model")] * 2
    assert summary["todo"] == 2 and summary["exit"] == 0
    assert not (tmp_path / "out").exists()


def test_a_family_that_says_nothing_of_prompts_warns_of_none(
    contextgen: Callable[..., Any], echo: Path, tmp_path: Path
) -> None:
    scene = write_scene(tmp_path / "long.yaml", instances=PLAIN_INSTANCES, prompt="(蟹:1.4) " * 300)
    assert contextgen("validate", scene, "--model", echo, "--strict").code == 0


def test_doctor_says_what_the_family_can_do(contextgen: Callable[..., Any], echo: Path) -> None:
    result = contextgen("doctor", "--model", echo)
    assert result.code == 0
    said = "Echo; takes the layout as composite; 2 references at most; cannot honour layout, instances.fit"
    assert said in result.out


def test_a_canvas_of_its_own_tokens_is_right_and_its_layout_composes(
    contextgen: Callable[..., Any], echo: Path, tmp_path: Path
) -> None:
    scene = write_scene(tmp_path / "small.yaml", canvas={"width": 136, "height": 104}, instances=PLAIN_INSTANCES)
    assert contextgen("validate", scene, "--model", echo, "--strict").code == 0
    assert "multiple of 16" in contextgen("validate", scene).err  # mini's
    assert contextgen("compose", scene, "--model", echo, "-o", tmp_path / "layout.png").code == 0
    assert Image.open(tmp_path / "layout.png").size == (136, 104)


@pytest.mark.parametrize(
    ("changes", "words", "written"),
    [
        ({"layout": "refs/crab.png"}, "cannot honour `layout`: it composes by itself", '"layout"'),
        (
            {"instances": [{**PLAIN_INSTANCES[0]}, {**PLAIN_INSTANCES[1], "fit": "stretch"}]},
            "cannot honour `instances.fit`: it fills every box",
            '"fit"',
        ),
        (
            {
                "references": {
                    "bag": {"image": "refs/bag.png"},
                    "crab": {"image": "refs/crab.png", "crop": {"x": 0, "y": 0, "width": 90, "height": 90}},
                }
            },
            "cannot honour `references.crop`: whole only",
            '"crop"',
        ),
        ({"sampling": {"guidance": 2}}, "cannot honour `sampling.guidance`", '"guidance"'),
        (
            {"instances": PLAIN_INSTANCES * 2},
            "takes 3 instances at most; found 4",
            '"instances"',
        ),
        ({"canvas": {"width": 132, "height": 96}}, "`width` must be a multiple of 8; found 132", '"width": 132'),
    ],
)
@pytest.mark.parametrize("verb", ["validate", "render"])
def test_what_a_scene_asks_in_vain_is_told_with_its_place_before_anything_runs(
    contextgen: Callable[..., Any],
    echo: Path,
    tmp_path: Path,
    verb: str,
    changes: dict[str, Any],
    words: str,
    written: str,
) -> None:
    scene = write_scene(tmp_path / "asks.yaml", **{"instances": PLAIN_INSTANCES, **changes})
    more = ("-o", tmp_path / "out") if verb == "render" else ()
    result = contextgen(verb, scene, "--model", echo, *more)
    assert result.code == 2
    assert words in result.err and f"asks.yaml:{_line_of(scene, written)}:" in result.err
    assert not (tmp_path / "out").exists()


def _line_of(scene: Path, written: str) -> int:
    (line,) = [number for number, line in enumerate(scene.read_text().splitlines(), 1) if written in line]
    return line


def test_a_reference_below_the_smallest_side_is_refused(
    contextgen: Callable[..., Any], echo: Path, tmp_path: Path
) -> None:
    (tmp_path / "refs").mkdir()
    Image.new("RGBA", (31, 90), "red").save(tmp_path / "refs" / "crab.png")
    result = contextgen("validate", write_scene(tmp_path / "tiny.yaml", instances=PLAIN_INSTANCES), "--model", echo)
    assert result.code == 2 and "the picture is 31x90; echo model takes sides from 32 px" in result.err


@pytest.mark.parametrize(
    "option",
    [
        ("--attention", "exact"),
        ("--ica", "paper"),
        ("--cache-steps", "taylor"),
        ("--reuse-references", "2"),
        ("--quantize", "int8"),
        ("--compile",),
        ("--parallel", "ring=2"),
        ("--memory", "lean"),
        ("--cache", "texts"),
        ("--adapter", str(TINY_ADAPTER)),
        ("--guidance", "2"),
    ],
    ids=lambda option: option[0],
)
def test_what_the_family_cannot_do_is_refused_by_name(
    contextgen: Callable[..., Any], echo: Path, picnic: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    result = contextgen("render", picnic, "--model", echo, *option, "-o", tmp_path / "out")
    assert result.code == 2, result.err
    assert f"{' '.join(option[:1])}" in result.err and "echo model" in result.err
    assert not (tmp_path / "out").exists()


def test_a_card_is_read_with_the_familys_defaults(
    contextgen: Callable[..., Any], echo: Path, picnic: Path, tmp_path: Path
) -> None:
    (echo / "contextgen.json").write_text(json.dumps({"steps": 5}))
    *jobs, _ = contextgen("render", picnic, "--model", echo, "--dry-run", "--json", "-o", tmp_path / "out").records
    assert [job["steps"] for job in jobs] == [5, 5]
    (echo / "contextgen.json").write_text(json.dumps({"ica_blocks": [1]}))  # another family's
    result = contextgen("render", picnic, "--model", echo, "--dry-run", "-o", tmp_path / "out")
    assert result.code == 3 and "unknown key 'ica_blocks'" in result.err


def test_an_unsupported_guidance_is_no_option_either(
    contextgen: Callable[..., Any], echo: Path, picnic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "steered.py").write_text(
        "from dataclasses import replace\n"
        "from echo_backend import Echo\n"
        "class Steered(Echo):\n"
        "    unsupported = {'sampling.guidance': 'it is fixed'}\n"
        "    capabilities = replace(Echo.capabilities, guidance=True, unsupported=unsupported)\n"
    )
    info = tmp_path / "site" / "steered-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: steered\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[contextgen.backends]\nSteeredPipeline = steered:Steered\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (echo / "model_index.json").write_text('{"_class_name": "SteeredPipeline"}')
    result = contextgen("render", picnic, "--model", echo, "--guidance", 3, "-o", tmp_path / "out")
    assert result.code == 2 and "--guidance is not for echo model" in result.err
