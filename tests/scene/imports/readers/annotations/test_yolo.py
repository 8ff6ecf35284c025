"""YOLO labels with their class lists, in the folders that tools make of them."""

from __future__ import annotations

import pytest
from PIL import Image

from contextgen_cli.scene.loader import LoadOptions, load


@pytest.fixture
def photo(here):
    Image.new("RGB", (160, 80), "brown").save(here / "photo.jpg")
    return here


def test_a_box_is_centre_and_size(photo, importing, got) -> None:
    (photo / "classes.txt").write_text("cat\nred bag\n")
    done = importing("1 0.5 0.5 0.25 0.5\n0 0.125 0.25 0.25 0.5 0.93\n", name="photo.txt")
    assert done.code == 0 and "2 subjects without an outline" in done.err
    (scene,) = got()
    assert scene.prompt == "A photo of a red bag and a cat." and str(scene.canvas) == "160x80"
    assert [(each.name, each.crop.pixels) for each in scene.references] == [
        ("red-bag", (60, 20, 100, 60)),
        ("cat", (0, 0, 40, 40)),
    ]


def test_a_polygon_is_an_outline(photo, importing, got) -> None:
    (photo / "obj.names").write_text("leaf")
    assert importing("0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75", name="photo.txt").code == 0
    (scene,) = got()
    assert scene.references[0].crop.pixels == (40, 20, 120, 60)
    with Image.open(scene.references[0].mask) as mask:
        assert mask.getbbox() == (40, 20, 121, 61)


@pytest.mark.parametrize("given", ["set", "set/data.yaml", "set/train/labels/photo.txt"])
def test_a_data_set_is_read_by_its_folder_or_its_data_yaml(given, photo, contextgen, got) -> None:
    for folder in ("images", "labels"):
        (photo / "set/train" / folder).mkdir(parents=True)
    (photo / "photo.jpg").rename(photo / "set/train/images/photo.jpg")
    (photo / "set/data.yaml").write_text("train: ../train/images\nnc: 2\nnames:\n  0: cat\n  1: dog\n")
    (photo / "set/README.txt").write_text("made by somebody\n")
    (photo / "set/train/labels/photo.txt").write_text("1 0.5 0.5 0.25 0.5\n")
    assert contextgen("import", given, "-o", "got").code == 0
    assert got()[0].prompt == "A photo of a dog."


def test_without_the_picture_the_labels_describe_a_scene(here, importing) -> None:
    done = importing("0 0.5 0.5 0.25 0.25\n", name="labels.txt")
    assert done.code == 1 and "there is no picture labels.*" in done.err and "there is no class list" in done.err
    assert "got/refs/class-0.png" in done.err
    (problem,) = load(["got"], LoadOptions()).errors
    assert problem.code == "no-such-image"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("7 0.5 0.5 0.25 0.25", "the class list has no '7'"),
        ("0 0.5 0.5 x 0.25", "this is no class with a box or polygon"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "an x without a y"),
        ("0 2 2 0.1 0.1", "its box has no area on the image"),
        ("0 1e99 0.5 0.1 0.1", "a number is too large"),
        ("0 0.5 . 0.1 0.1", "this is no number: '.'"),
        ("9" * 5000 + " 0.5 0.5 0.1 0.1", "the class list has no"),
    ],
)
def test_a_bad_line_costs_no_other(line, words, photo, importing, got) -> None:
    (photo / "classes.txt").write_text("cat")
    done = importing(f"0 0.5 0.5 0.25 0.5\n{line}\n", name="photo.txt")
    assert done.code == 1 and "photo: left out line 2: " in done.err and words in done.err
    assert len(got()[0].instances) == 1


def test_the_points_of_a_skeleton_are_passed_over(here, photo, contextgen, got) -> None:
    (photo / "data.yaml").write_text("train: .\nkpt_shape: [2, 3]\nnames: [person]\n")
    (photo / "photo.txt").write_text("0 0.5 0.5 0.25 0.5 0.4 0.4 2 0.6 0.6 2\n")
    assert contextgen("import", "data.yaml", "-o", "got").code == 0
    assert got()[0].references[0].crop.pixels == (60, 20, 100, 60)


def test_empty_labels_of_a_folder_are_no_scene(photo, contextgen) -> None:
    (photo / "photo.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (photo / "background.txt").write_text("")
    assert contextgen("import", ".", "-o", "got").lines == ["got/photo.yaml"]
