"""`contextgen schema events`: the lines for programs are what it says, all of them, and none beside."""

from __future__ import annotations

import json
from pathlib import Path

import lines
import pytest
from imig_sets import pack, write_release
from jsonschema import Draft202012Validator
from painting import TINY_ADAPTER, TINY_MODEL, write_scene
from PIL import Image
from shapes import TINY
from training_files import training_file

MODEL = ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu")
TRAIN = training_file(TINY, "run")
PLANNED = {"planned_job", "plan_summary"}
PAINTING = {"started", "job_started", "step", "job_finished"}


def test_it_is_a_schema_and_printed_as_it_is(contextgen):
    printed = json.loads(contextgen("schema", "events").out)
    assert printed == lines.SCHEMA
    Draft202012Validator.check_schema(printed)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with a good scene and a bad one."""
    monkeypatch.chdir(tmp_path)
    canvas = {"width": 128, "height": 128}  # of which mini has nothing to say
    write_scene(tmp_path / "good.yaml", canvas=canvas)
    write_scene(tmp_path / "bad.yaml", prompt="", canvas=canvas)
    return tmp_path


def test_the_lines_of_every_command(contextgen, place):
    """One command after another, as a person would work; together they write every line that there is."""
    seen: set[str] = set()

    def kinds(*arguments: object) -> set[str]:
        result = contextgen(*arguments)
        found = set(lines.kinds([str(each) for each in arguments], result.out, result.err))
        seen.update(found)
        return found

    render = ("render", "good.yaml", *MODEL, "--steps", 1, "--json")
    assert kinds("validate", "bad.yaml", "--format", "json") == {"problem", "validate_summary"}
    assert kinds("compose", "good.yaml", "--json") == {"layout", "compose_summary"}
    assert kinds("compose", "bad.yaml", "--json") == {"problem", "refused"}
    assert kinds(*render, "--dry-run") == PLANNED
    assert kinds(*render, "--progress", "json") == {"job", "render_summary", *PAINTING}
    assert kinds(*render, "--dry-run") == PLANNED  # of which nothing is left
    assert kinds("render", "bad.yaml", *MODEL, "--json") == {"problem", "refused"}
    picture = "outputs/good-0.png"
    assert kinds("replay", picture, *MODEL, "--json", "--progress", "json") == {
        "replayed",
        "replay_summary",
        *PAINTING,
    }
    assert kinds("clean", "outputs", "--json") == {"clean_summary"}
    assert kinds(*render, "--size", "64x64") == {"job", "render_summary"}
    assert kinds("clean", "outputs", "--json") == {"outdated", "clean_summary"}
    Image.new("RGB", (8, 8)).save("bare.png")
    assert kinds("replay", "bare.png", *MODEL, "--json") == {"replay_refused"}
    assert kinds("inspect", picture, "--json") == {"picture", "inspect_summary"}
    assert kinds("report", "outputs", "--contact-sheet", "sheet.png", "--json") == {"page", "sheet", "report_summary"}
    assert kinds("models", "--json") == {"model", "models_summary"}
    assert kinds("doctor", "--json") == {"finding", "doctor_summary"}
    data = ("data", "synth", "-o", "set", "--scenes", 1, "--json", "--progress", "json")
    assert kinds(*data) == {"progress", "data_summary"}
    hub = pack(write_release(place / "release", records=2, side=64), place / "hub")
    fetch = ("data", "fetch", "imig-100k", "-o", "fetched", "--from", hub, "--json", "--progress", "json")
    assert kinds(*fetch) == {"planned_fetch", "transfer", "fetch_summary"}
    check = ("data", "check", "fetched", "--json", "--progress", "json")
    assert kinds(*check) == {"progress", "set", "samples", "check_summary"}
    bench = ("bench", "synthetic", *MODEL, "--steps", 1, "--level", "plain", "--scenes", 1)
    assert kinds(*bench, "--json", "--progress", "json") == {"row", "bench_summary", "progress"}
    calibrate = ("bench", "calibrate", *MODEL, "--scenes", 1, "-o", "card.json", "--json")
    assert kinds(*calibrate, "--progress", "none") == {"calibration_summary"}
    (place / "run.yaml").write_text(TRAIN)
    train = ("train", "run.yaml", "--device", "cpu", "--json", "--progress", "json")
    assert kinds(*train) == {"stage_started", "training_step", "note", "train_summary"}
    assert {name for name, kind in lines.KINDS.items() if "type" in kind.get("properties", {})} - seen == {"notice"}


def test_a_notice_is_in_it(capsys):
    from contextgen_cli.terminal.progress import JsonLines

    JsonLines().noticed("something")
    assert lines.kinds(["render"], "", capsys.readouterr().err) == ["notice"]


@pytest.mark.parametrize("line", ['{"type": "job"}', '{"type": "layout", "scene": "a", "path": "b"}'])
def test_other_lines_are_refused(line):
    with pytest.raises(AssertionError):
        lines.kinds(["render"], line, "")
