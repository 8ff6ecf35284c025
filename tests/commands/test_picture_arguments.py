"""Folders where pictures are asked for, and scenes written back to where they work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from painting import TINY_MODEL, write_scene
from PIL import Image

from contextgen_cli.records.picture_file import read_record


@pytest.fixture
def out(contextgen, tiny, tmp_path, monkeypatch) -> Path:
    """Two pictures of one scene and one of another, as a run leaves them, with what else lies there."""
    write_scene(tmp_path / "scenes" / "picnic.yaml", seeds=[1, 2])
    write_scene(tmp_path / "scenes" / "camp.yaml", seeds=[5], prompt="a bag in the rain")
    folder = tmp_path / "out"
    assert contextgen("render", tmp_path / "scenes", *tiny, "-o", folder, "--save-layout", "--save-inputs").code == 0
    Image.new("RGB", (8, 8)).save(folder / "photo.png")
    monkeypatch.chdir(tmp_path)
    return folder


def test_inspect_shows_every_picture_of_a_folder(contextgen, out):
    done = contextgen("inspect", out, "--json")
    *pictures, summary = done.records
    assert [Path(each["path"]).name for each in pictures] == ["camp-5.png", "picnic-1.png", "picnic-2.png"]
    assert (summary["pictures"], summary["unreadable"], done.code) == (3, 0, 0)
    assert "passed over 1 PNG that remembers no scene" in done.err


def test_a_picture_that_is_named_twice_is_shown_once(contextgen, out):
    *pictures, _ = contextgen("inspect", "out", "out/picnic-1.png", "--json").records
    assert len(pictures) == 3


def test_replay_paints_every_picture_of_a_folder(contextgen, tiny, out):
    _, model, _, adapter, *_ = tiny
    done = contextgen("replay", "out", "--model", model, "--adapter", adapter, "-o", "again")
    assert (done.code, done.out.count("the same bytes")) == (0, 3), done.err


@pytest.mark.parametrize("verb", ["inspect", "replay"])
def test_a_folder_without_pictures_is_an_error(verb, contextgen, tmp_path):
    (tmp_path / "empty").mkdir()
    refused = contextgen(verb, tmp_path / "empty")
    assert refused.code == 2
    assert "no picture in it remembers a scene" in refused.err


def test_a_broken_picture_of_a_folder_is_named(contextgen, out):
    (out / "picnic-1.png").write_bytes((out / "picnic-1.png").read_bytes()[:60])
    done = contextgen("inspect", "out")
    assert done.code == 2
    assert "picnic-1.png" in done.err


@pytest.mark.parametrize("place", ["again.yaml", "deep/er/again.yml", "out/again.yaml"])
def test_a_scene_written_to_a_file_renders_from_there(place, contextgen, tiny, out):
    written = contextgen("inspect", "out/picnic-2.png", "--scene", "-o", place)
    assert (written.code, written.lines) == (0, [place]), written.err
    assert str(out.parent) not in Path(place).read_text(), "paths are relative"
    assert contextgen("validate", place, "--strict", "--model", TINY_MODEL).code == 0
    done = contextgen("render", place, *tiny, "-o", "second")
    assert done.code == 0, done.err
    assert read_record(Path("second/picnic-2.png"))["job"] == read_record(out / "picnic-2.png")["job"]


def test_references_are_found_where_they_are_now(contextgen, tiny, out):
    shutil.move("scenes/refs", "moved")
    refused = contextgen("inspect", "out/picnic-2.png", "--scene", "-o", "again.yaml")
    assert (refused.code, Path("again.yaml").exists()) == (2, False)
    assert "refs/crab.png is missing" in refused.err
    assert contextgen("inspect", "out/picnic-2.png", "--scene", "-o", "again.yaml", "--inputs", "moved").code == 0
    assert "image: moved/crab.png" in Path("again.yaml").read_text()
    assert contextgen("validate", "again.yaml").code == 0


def test_a_folder_becomes_one_file_of_its_scenes_with_their_seeds(contextgen, tiny, out):
    assert contextgen("inspect", "out", "--scene", "-o", "all.yaml").code == 0
    assert Path("all.yaml").read_text().count("seeds: [1, 2]") == 1
    done = contextgen("render", "all.yaml", *tiny, "-o", "second")
    assert done.code == 0
    for name in ("camp-5.png", "picnic-1.png", "picnic-2.png"):
        assert read_record(Path("second") / name)["job"] == read_record(out / name)["job"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "a.yaml"), "--scene"),
        (("--scene", "--json", "-o", "a.yaml"), "no --json"),
        (("--scene", "-o", "a.png"), "a.yaml"),
        (("--scene", "-o", "scenes/picnic.yaml"), "exists already"),
    ],
)
def test_files_that_cannot_be_meant_are_refused(options, said, contextgen, out):
    before = Path("scenes/picnic.yaml").read_text()
    refused = contextgen("inspect", "out/picnic-1.png", *options)
    assert refused.code == 2
    assert said in refused.err
    assert Path("scenes/picnic.yaml").read_text() == before
