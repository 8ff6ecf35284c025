"""`contextgen init`: scenes of one's own pictures, training runs, and where it cannot go well."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from contextgen_cli.app import training_file
from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.scene import Size


@pytest.mark.parametrize("name", ["scene.txt", "scene.json", "scene.png.jpg"])
def test_another_kind_of_file_is_no_folder(contextgen, tmp_path, name):
    result = contextgen("init", tmp_path / "pp" / name)
    assert result.code == 2
    assert "scene files are YAML" in result.err
    assert ".yaml, or name a folder" in result.err
    assert not (tmp_path / "pp").exists()


@pytest.mark.parametrize("written", [0, 1, 3])
def test_a_full_disk_leaves_nothing_behind(contextgen, tmp_path, monkeypatch, written):
    synced = os.fsync
    calls = iter(range(100))

    def full(descriptor: int) -> None:
        if next(calls) >= 2 * written:  # a file and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    (tmp_path / "mine").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    result = contextgen("init", tmp_path / "mine" / "p2")
    assert result.code == 3
    assert "the disk is full" in result.err
    assert "Choose another PATH" in result.err and " -o" not in result.err
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


def photograph(path, size=(240, 160), **saved):
    """A picture without transparency."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise(size, 60).convert("RGB").save(path, **saved)
    return path


def cutout(path, box, size=(100, 100)):
    """A picture whose subject fills a box."""
    picture = Image.new("RGBA", size)
    picture.paste("red", box)
    picture.save(path)
    return path


def begun(contextgen, scene):
    """What is painted from a scene that was just begun: without any remark."""
    checked = contextgen("validate", scene, "--strict")
    assert checked.code == 0 and "no errors, 0 warnings" in checked.err
    loaded = load([str(scene)], LoadOptions(deep=True))
    assert loaded.problems == ()
    return loaded.scenes[0]


def test_own_pictures_become_a_scene_that_can_be_painted_at_once(contextgen, tmp_path, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    cutout(tmp_path / "mug.png", (10, 40, 90, 60))
    photograph(tmp_path / "photos" / "my cat.jpg", (160, 240))
    result = contextgen("init", "mine", "--reference", "mug.png", "photos/my cat.jpg")
    assert (result.code, result.lines) == (0, ["mine/scene.yaml"])
    assert "my_cat has no transparency: all of it is the subject" in result.err
    scene = begun(contextgen, "mine/scene.yaml")
    assert [reference.name for reference in scene.references] == ["mug", "my_cat"]
    shapes = [(box.right - box.left) / (box.bottom - box.top) for box in (each.box for each in scene.instances)]
    assert shapes == pytest.approx([4, 2 / 3], rel=0.04)
    assert scene.canvas == Size(256, 256)
    assert "To be filled in" in (tmp_path / "mine" / "scene.yaml").read_text()
    assert "{image: ../photos/my cat.jpg, mask: refs/my_cat_mask.png}" in (tmp_path / "mine" / "scene.yaml").read_text()
    assert not (tmp_path / "mine" / "photos").exists(), "pictures stay where they lie"
    assert contextgen("render", "mine", "--size", "64x64", "-o", "out", *tiny).code == 0


def test_pictures_of_one_name_are_told_apart_and_one_given_twice_is_shown_twice(contextgen, tmp_path):
    upper, lower = photograph(tmp_path / "a" / "Cat.jpg"), photograph(tmp_path / "b" / "cat.png")
    assert contextgen("init", tmp_path / "s", "--reference", upper, lower, upper).code == 0
    scene = begun(contextgen, tmp_path / "s" / "scene.yaml")
    assert [reference.name for reference in scene.references] == ["Cat", "cat_2"]
    assert [instance.reference for instance in scene.instances] == ["Cat", "cat_2", "Cat"]


@pytest.mark.parametrize("name", ["2041.jpg", "蟹.jpg", "no.jpg", "it's #1: {x}.jpg", "a${b}.jpg", "-.jpg"])
def test_any_name_of_a_file_can_be_a_reference(contextgen, tmp_path, name):
    photo = photograph(tmp_path / "in" / name)
    assert contextgen("init", tmp_path / "s", "--reference", photo).code == 0
    (reference,) = begun(contextgen, tmp_path / "s" / "scene.yaml").references
    assert reference.image.samefile(photo)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_turned_photo_is_taken_upright(contextgen, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = photograph(tmp_path / "cat.jpg", (320, 160), exif=exif)
    assert contextgen("init", tmp_path, "--reference", photo).code == 0
    box = begun(contextgen, tmp_path / "scene.yaml").instances[0].box
    assert (box.right - box.left > box.bottom - box.top) is (orientation != 6)


def test_a_mask_beside_a_photo_is_used(contextgen, tmp_path):
    photo = photograph(tmp_path / "cat.jpg")
    mask = Image.new("L", (240, 160))
    mask.paste(255, (40, 40, 180, 120))
    mask.save(tmp_path / "cat_mask.png")
    result = contextgen("init", tmp_path / "s", "--reference", photo)
    assert result.code == 0 and "warning" not in result.err
    assert begun(contextgen, tmp_path / "s" / "scene.yaml").references[0].mask.samefile(tmp_path / "cat_mask.png")


def test_the_canvas_is_that_of_the_model(contextgen, tmp_path):
    photo = photograph(tmp_path / "cat.jpg", (800, 800))
    assert contextgen("init", tmp_path, "--reference", photo, "--model", "kontext").code == 0
    scene = begun(contextgen, tmp_path / "scene.yaml")
    assert scene.model == "kontext" and scene.canvas.width > 512


def test_pictures_that_cannot_be_used_are_all_named_and_nothing_is_written(contextgen, tmp_path):
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "note.avif").write_bytes(b"\0\0\0\x18ftypavif")
    unusable = [tmp_path / name for name in ("phone.heic", "note.avif", "none.png")]
    result = contextgen("init", tmp_path / "s", "--reference", photograph(tmp_path / "cat.jpg"), *unusable)
    assert result.code == 2
    assert result.err.count("error: ") == 3 and "HEIC" in result.err and "no such file" in result.err
    assert all(path.name in result.err for path in unusable)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", [b"\xff.jpg", b"a\x1b[31mb.jpg"])
def test_a_name_that_no_scene_can_hold_is_refused(contextgen, tmp_path, name):
    photo = photograph(tmp_path / "cat.jpg").rename(tmp_path / os.fsdecode(name))
    result = contextgen("init", tmp_path / "s", "--reference", photo)
    assert result.code == 2 and "a name that no scene file can hold" in result.err
    assert "\x1b" not in result.err and not (tmp_path / "s").exists()


def test_a_path_behind_the_pictures_is_told_where_it_stands(contextgen, tmp_path):
    result = contextgen("init", "--reference", photograph(tmp_path / "cat.jpg"), tmp_path / "picnic")
    assert result.code == 2
    assert "picnic" in result.err and "PATH stands before --reference" in result.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--train", "--reference", "x.png"], "--train and --reference ask for two kinds of file"),
        (["--model", "mini"], "Add --reference PHOTO"),
        (["--reference", *["x.png"] * 65], "65 pictures do not fit into one scene"),
    ],
)
def test_what_cannot_both_be_meant_is_refused(contextgen, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    result = contextgen("init", *options)
    assert result.code == 2 and said in result.err
    assert not list(tmp_path.iterdir())


def test_a_training_run_to_begin_with_fits_its_schema_and_stays_without_force(contextgen, tmp_path):
    first = contextgen("init", tmp_path / "t", "--train")
    assert (first.code, first.lines) == (0, [str(tmp_path / "t" / "train.yaml")])
    assert f"next: contextgen train {tmp_path / 't' / 'train.yaml'}" in first.err
    assert (tmp_path / "t" / "train.schema.json").is_file()
    read = training_file.read(tmp_path / "t" / "train.yaml")
    assert read.values is not None and read.problems == ()
    (tmp_path / "t" / "train.yaml").write_text("mine")
    assert contextgen("init", tmp_path / "t", "--train").code == 2


def test_what_init_writes_is_checked_without_a_word_on_what_lies_beside_it(contextgen, tmp_path):
    assert contextgen("init", tmp_path / "picnic").code == 0
    assert "passed over" not in contextgen("validate", tmp_path / "picnic").err


def test_a_shell_pattern_that_takes_in_a_mask_means_the_photo(contextgen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "red").save("crab.png")
    Image.new("L", (64, 64), 255).save("crab_mask.png")
    assert contextgen("init", "mine", "--reference", "crab.png", "crab_mask.png").code == 0
    assert "crab_mask:" not in Path("mine/scene.yaml").read_text()
    assert contextgen("validate", "mine").code == 0
