"""Scenes in JSON files of a folder are read, one a line in JSON lines; what holds none is named, and no error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from painting import write_scene

CANVAS = {"width": 128, "height": 128}
OTHERS = {
    "annotations.json": {"info": {"version": "1.0"}, "images": [], "annotations": []},
    "picture.json": {"type": "picture", "scene": {"version": 1, "prompt": "x", "canvas": CANVAS}},
    "settings.json": {"prompt": "a crab", "version": 3, "sampler": "euler"},
    "list.json": [1, 2],
    "text.json": "canvas",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scene = write_scene(tmp_path / "s.yaml", canvas=CANVAS)
    content = json.loads(scene.read_text())
    (tmp_path / "one.json").write_text(json.dumps(content, indent=1))
    (tmp_path / "many.jsonl").write_text(
        "".join(f"{json.dumps({**content, 'prompt': prompt})}\n\n" for prompt in ("a", "b"))
    )
    return tmp_path


def test_json_scenes_of_a_folder_are_read(contextgen, folder):
    result = contextgen("validate", folder)
    assert (result.code, result.err) == (0, "4 scenes (4 pictures) in 3 files: no errors, 0 warnings\n")
    (folder / "refs" / "crab.png").unlink()
    assert "in 4 scenes: many, many-d2, one and 1 more" in contextgen("validate", folder).err


def test_an_error_has_its_line(contextgen, folder):
    lines = (folder / "many.jsonl").read_text().split("\n")
    broken = [lines[0][:-1], "", lines[2].replace('"prompt"', '"promt"'), '{"a": 1} {"b": 2}', "oops"]
    (folder / "many.jsonl").write_text("\n".join(broken))
    told = contextgen("validate", folder / "many.jsonl").err
    for words in (
        "many.jsonl:1:1: error: a `{` is not closed",
        "many.jsonl:3:16: error: unknown key `promt`",
        "many.jsonl:4:10: error: more than one value in this line",
        "many.jsonl:5:1: error: this is no JSON",
    ):
        assert words in told
    broken = contextgen("validate", folder, "--format", "json").records
    assert broken[-1]["errors"] == 4 and broken[-1]["scenes"] == 2  # a folder's is read where it is broken, too


def test_what_holds_no_scene_is_named_in_one_line(contextgen, folder):
    for name, content in OTHERS.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "log.jsonl").write_text('{"job": 1}\nno JSON\n')
    result = contextgen("validate", folder, "--strict")
    assert result.code == 0 and "4 scenes" in result.err
    (line,) = [line for line in result.err.splitlines() if "passed over" in line]
    names = [f"{folder}/{name}" for name in ("annotations.json", "list.json", "log.jsonl")]
    assert line == f"passed over, as no scene is in it: 6 JSON files: {', '.join(names)} and 3 more"
    assert "passed over" in contextgen("render", folder, "--dry-run", "--device", "cpu").err
    assert "passed over" not in contextgen("validate", folder, "-q").err
    assert "passed over" not in contextgen("validate", folder / "s.yaml").err


def test_what_is_named_is_read(contextgen, folder):
    (folder / "settings.json").write_text(json.dumps(OTHERS["settings.json"]))
    for argument in (folder / "settings.json", folder / "*.json"):
        assert "settings.json:1:1: error" in contextgen("validate", argument).err
    assert contextgen("validate", folder / "*").code == 0


def test_a_folder_without_scenes_is_still_an_error(contextgen, tmp_path):
    (tmp_path / "list.json").write_text("[1]")
    told = contextgen("validate", tmp_path)
    assert told.code == 2 and "no scene files in this folder" in told.err and ".json, .jsonl; name a file" in told.err


def test_json_lines_may_be_many(contextgen, folder):
    line = (folder / "many.jsonl").read_text().split("\n")[0]
    padded = line.replace('"a"', json.dumps("a" * 1000))
    (folder / "many.jsonl").write_text(f"{padded}\n" * 1000)
    assert (folder / "many.jsonl").stat().st_size > 1 << 20
    assert "1,000 scenes" in contextgen("validate", folder / "many.jsonl").err
