"""`contextgen inspect`: what a picture remembers, and the way back to a scene."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from painting import write_scene
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contextgen_cli.records.output import encode


@pytest.fixture
def picture(contextgen, tiny, scene, tmp_path) -> Path:
    result = contextgen("render", scene, *tiny, "--seed", 7, "-o", tmp_path / "out")
    return Path(result.lines[0])


def test_text_tells_the_scene(contextgen, picture):
    result = contextgen("inspect", picture)
    assert result.code == 0
    for said in (
        "a crab is holding a bag",
        "128x96",
        "seed:",
        "7",
        "tiny-kontext",
        "refs/crab.png",
        "2 crab",
    ):
        assert said in result.out


def test_json_is_the_record(contextgen, picture):
    record, summary = contextgen("inspect", picture, "--json").records
    assert summary == {"type": "summary", "pictures": 1, "unreadable": 0, "exit": 0}
    assert (record["type"], record["seed"], record["scene"]["prompt"]) == (
        "picture",
        7,
        "a crab is holding a bag",
    )


def test_the_scene_comes_back_and_renders_to_the_same_bytes(contextgen, tiny, picture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = contextgen("inspect", picture, "--scene")
    assert written.code == 0
    (tmp_path / "again.yaml").write_text(written.out)
    result = contextgen("render", "again.yaml", *tiny, "-o", "second")
    assert result.code == 0, result.err
    assert Path(result.lines[0]).read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.png", None, "No such file"),
        ("text.png", b"hello", "not a picture"),
        ("plain.png", "image", "a PNG picture that remembers no scene"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "photo.jpg: a JPEG picture, which remembers no scene"),
        ("named.png", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "named.png: a JPEG picture, which remembers no scene"),
        ("leaflet.pdf", b"%PDF-1.7\n", "leaflet.pdf: a PDF document, which remembers no scene"),
        ("other.png", encode(Image.new("RGB", (8, 8)), {"scene": {"version": 9}}), "cannot be read"),
    ],
)
def test_a_picture_that_remembers_nothing(contextgen, tmp_path, name, content, said):
    path = tmp_path / name
    if content == "image":
        Image.new("RGB", (8, 8)).save(path)
    elif content is not None:
        path.write_bytes(content)
    result = contextgen("inspect", path)
    assert result.code == 2
    assert said in result.err
    assert name in result.err


ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31mred\nseed: 9"


def with_record(picture: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The picture, its record changed."""
    with Image.open(picture) as image:
        record = json.loads(image.info["contextgen"])
        change(record)
        picture.write_bytes(encode(image, record))
    return picture


@pytest.mark.parametrize("more", [(), ("--json",), ("--scene",)], ids=str)
def test_a_record_cannot_steer_the_terminal(contextgen, on_a_terminal, picture, more):
    """Neither in words nor where they are passed on; a line of the prompt is no line of ours."""

    def change(record: dict[str, Any]) -> None:
        record["scene"]["prompt"] = record["versions"]["torch"] = ESCAPE
        record["adapter"]["name"] = record["scene"]["instances"][0]["reference"] = "bag" + ESCAPE
        record["scene"]["references"]["bag" + ESCAPE] = record["scene"]["references"].pop("bag")

    result = contextgen("inspect", with_record(picture, change), *more)
    assert result.code == 0, result.err
    assert not set(result.out) & {"\x1b", "\x07", "\x9b"}
    assert "\nseed: 9" not in result.out
    assert "owned" in result.out


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (["scene", "canvas", "width"], 10**6, "`scene.canvas.width` is no whole number from 64 to 4096"),
        (["scene", "sampling", "steps"], 10**9, "`scene.sampling.steps` is no whole number from 1 to 1000"),
        (["scene", "name"], "../../escape", "`scene.name` is no name that a file can have"),
        (["scene", "prompt"], "\ud800", "surrogates"),
        (["model", "name"], "/etc", "`model.name` is a path"),
        (["model", "name"], "../models/x", "`model.name` is a path"),
        (["seed"], -1, "`seed` is no whole number"),
        (["job"], [], "`job` is no text"),
        (["inputs"], {"refs/bag.png": 7}, "`inputs.refs/bag.png` is no text"),
        (["attention"], {"a": 1}, "`attention` is no single value"),
        (["dtype"], "float7", "`dtype` is none of float32, bfloat16, float16: 'float7'"),
        (["versions"], [], "`versions` is no object"),
    ],
    ids=str,
)
def test_a_record_that_no_picture_has_is_told_by_its_key(contextgen, picture, keys, value, said):
    def change(record: Any) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    text = json.loads(Image.open(picture).info["contextgen"])
    change(text)
    foreign = PngInfo()
    foreign.add_itxt("contextgen", json.dumps(text))
    Image.new("RGB", (8, 8)).save(picture, pnginfo=foreign)
    result = contextgen("inspect", picture)
    assert (result.code, result.out) == (2, "")
    assert f"{picture.name}: its record cannot be read: " in result.err and said in result.err


def test_a_record_cannot_pass_for_another_line(contextgen, tmp_path):
    path = tmp_path / "odd.png"
    path.write_bytes(encode(Image.new("RGB", (8, 8)), {"type": "summary", "path": "elsewhere", "exit": 0}))
    shown, _ = contextgen("inspect", path, "--json").records
    assert (shown["type"], shown["path"]) == ("picture", str(path))


@pytest.mark.parametrize("record", [{"job": "x"}, {"scene": {"version": 1}}, {"scene": []}])
def test_a_record_of_another_version_is_refused_but_shown_as_json(contextgen, tmp_path, record):
    path = tmp_path / "odd.png"
    path.write_bytes(encode(Image.new("RGB", (8, 8)), record))
    result = contextgen("inspect", path)
    assert result.code == 2
    assert "its record cannot be read" in result.err
    shown, _ = contextgen("inspect", path, "--json").records
    assert shown == {"type": "picture", "path": str(path), **record}


def test_a_record_without_its_weights_is_refused(contextgen, picture):
    with Image.open(picture) as image:
        record = json.loads(image.info["contextgen"])
        del record["model"]
        picture.write_bytes(encode(image, record))
    assert "`model` is missing" in contextgen("inspect", picture).err


def test_one_bad_picture_does_not_hide_the_others(contextgen, picture, tmp_path):
    result = contextgen("inspect", tmp_path / "missing.png", picture, "--json")
    assert result.code == 2
    record, summary = result.records
    assert record["seed"] == 7
    assert summary == {"type": "summary", "pictures": 1, "unreadable": 1, "exit": 2}


def test_two_scenes_are_two_documents(contextgen, tiny, tmp_path):
    path = write_scene(tmp_path / "s.yaml", seeds=[1, 2])
    pictures = contextgen("render", path, *tiny, "-o", tmp_path / "out").lines
    assert contextgen("inspect", *pictures, "--scene").out.count("\n---\n") == 1


def test_one_way_to_write_at_a_time(contextgen, picture):
    result = contextgen("inspect", picture, "--scene", "--json")
    assert (result.code, result.out) == (2, "")
    assert "two ways" in result.err
