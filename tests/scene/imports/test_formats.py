"""Other tools' files, as `import` makes scenes of them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from good_scene import GOOD
from PIL import Image

from contextgen_cli.cli import run
from contextgen_cli.scene.loader import LoadOptions, load

BAD = GOOD.replace("256", "250")


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text(BAD)
    return folder


Captured = pytest.CaptureFixture[str]


SEGMENTS = {
    "prompt": "A crab: with a bag",
    "width": 512,
    "instances": [
        {"image": "crab.png", "bbox": [0.1, 0.2, 0.5, 0.75]},
        {"image_path": "bag.jpg", "mask_path": "bag_mask.png", "bbox": [0.5, 0.25, 1.0, 0.5]},
    ],
}
COCO = {
    "images": [{"id": 1, "file_name": "bag.jpg", "width": 150, "height": 150}, {"id": 2, "file_name": "x.jpg"}],
    "categories": [{"id": 7, "name": "hand bag"}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 7,
            "bbox": [20, 20, 110.4, 110],
            "segmentation": [[25, 25, 125, 25, 125, 125, 25, 125]],
        }
    ],
}
MIG = {"a red dog and a cat": {"red dog": [[0.1, 0.1, 0.5, 0.5]], "cat": [[0, 0.5, 0.25, 1], [0.5, 0.5, 1, 1]]}}


def imported(here: Path, data: object, *options: str) -> int:
    (here / "data.json").write_text(json.dumps(data))
    return run(["import", "data.json", "-o", "got", *options])


def test_import_segment_info(here: Path, capsys: Captured) -> None:
    assert imported(here, {**SEGMENTS, "height": 256}) == 0  # boxes are scaled by the width on both axes
    assert capsys.readouterr().out == "got/data.yaml\n"
    (scene,) = load(["got"], LoadOptions(deep=True)).scenes
    assert str(scene.canvas) == "512x512" and scene.prompt == "A crab: with a bag"
    assert [instance.box.pixels for instance in scene.instances] == [(51, 102, 256, 384), (256, 128, 512, 256)]
    assert scene.reference("bag").mask is not None


def test_import_segment_info_with_pixels_and_another_size(here: Path) -> None:
    boxes = [[51, 102, 256, 384], [256, 128, 512, 256]]
    listed = [{**item, "bbox": box} for item, box in zip(SEGMENTS["instances"], boxes, strict=True)]  # type: ignore[dict-item, arg-type]
    assert imported(here, {**SEGMENTS, "instances": listed}, "--size", "256x128") == 0
    (scene,) = load(["got"], LoadOptions()).scenes
    assert [instance.box.pixels for instance in scene.instances] == [(26, 26, 128, 96), (128, 32, 256, 64)]


def test_import_coco(here: Path, capsys: Captured) -> None:
    assert imported(here, COCO) == 0
    assert "the image of 150x150 px became a canvas of 144x144" in capsys.readouterr().err
    (scene,) = load(["got"], LoadOptions(deep=True)).scenes
    assert scene.prompt == "A photo of a hand bag." and scene.name == "bag"
    (reference,) = scene.references
    assert reference.crop is not None and reference.crop.pixels == (20, 20, 130, 130)
    assert scene.instances[0].box.pixels == (19, 19, 125, 125)
    assert reference.mask is not None
    with Image.open(reference.mask) as mask:
        assert (mask.getpixel((75, 75)), mask.getpixel((10, 75))) == (255, 0)


def test_import_coco_says_what_it_leaves_out_and_what_is_missing(here: Path, capsys: Captured) -> None:
    (whole,) = COCO["annotations"]
    runs = {**whole, "id": 2, "segmentation": {"counts": "abc", "size": [150, 150]}}
    outside = {**whole, "id": 3, "bbox": [150, 0, 20, 20]}
    caption = {"id": 4, "image_id": 1, "caption": "A bag on a beach."}
    assert imported(here, {**COCO, "annotations": [whole, runs, outside, caption]}, "--size", "256x128") == 0
    err = capsys.readouterr().err
    assert "left out annotation 3" in err
    assert "1 file to be put there" in err and "got/refs/bag-hand-bag-2_mask.png" in err
    (here / "got/refs/bag-hand-bag-2_mask.png").write_bytes((here / "bag_mask.png").read_bytes())
    (scene,) = load(["got"], LoadOptions()).scenes
    assert scene.prompt == "A bag on a beach." and str(scene.canvas) == "256x128"
    assert [instance.reference for instance in scene.instances] == ["hand-bag", "hand-bag-2"]


def test_import_mig(here: Path, capsys: Captured) -> None:
    assert imported(here, MIG, "--size", "512x256") == 0
    err = capsys.readouterr().err
    assert "2 files to be put there" in err and "got/refs/red-dog.png" in err
    problems = load(["got"], LoadOptions()).errors
    assert [problem.code for problem in problems] == ["no-such-image"] * 2
    for name in ("red-dog", "cat"):
        (here / "got/refs").mkdir(exist_ok=True)
        (here / f"got/refs/{name}.png").write_bytes((here / "crab.png").read_bytes())
    (scene,) = load(["got"], LoadOptions()).scenes
    assert scene.prompt == "a red dog and a cat" and len(scene.instances) == 3
    assert scene.instances[1].box.pixels == (0, 128, 128, 256)


def test_a_box_may_leave_the_image_by_a_rounding(here: Path) -> None:
    assert imported(here, {"dogs": {"dog": [[-0.00004, 0, 0.5, 1.00004]]}}, "--size", "512x256") == 0
    (here / "got/refs").mkdir()
    (here / "got/refs/dog.png").write_bytes((here / "crab.png").read_bytes())
    (scene,) = load(["got"], LoadOptions()).scenes
    assert scene.instances[0].box.pixels == (0, 0, 256, 256)


def test_labels_that_make_one_word_stay_two_references(here: Path) -> None:
    assert imported(here, {"dogs": {"red dog": [[0, 0, 0.5, 1]], "red-dog": [[0.5, 0, 1, 1]]}}) == 0
    missing = [problem.message for problem in load(["got"], LoadOptions()).errors]
    assert missing == ["no such file: got/refs/red-dog.png", "no such file: got/refs/red-dog-2.png"]


def test_labels_of_any_script_have_pictures_of_their_own(here: Path) -> None:
    data = {
        "一": {"狗": [[0, 0, 0.5, 1]], "猫": [[0.5, 0, 1, 1]]},
        "二": {"狗": [[0, 0, 1, 1]], "!": [[0, 0, 1, 1]]},
        "三": {"?": [[0, 0, 1, 1]], "Red dog": [[0, 0, 1, 1]]},
        "四": {"red-dog": [[0, 0, 1, 1]], "cat": [[0, 0, 1, 1]]},
        "五": {"Cat": [[0, 0, 1, 1]]},
    }
    assert imported(here, data) == 0
    loaded = load(["got"], LoadOptions())
    missing = [problem.message.removeprefix("no such file: got/refs/") for problem in loaded.errors]
    assert sorted(missing) == sorted(
        [
            *("狗.png", "猫.png", "subject.png", "subject-2.png"),
            *("Red-dog.png", "red-dog-2.png", "cat.png", "Cat-2.png"),
        ]
    )


def test_of_too_many_subjects_the_largest_are_kept(here: Path, capsys: Captured) -> None:
    (whole,) = COCO["annotations"]
    small = [{**whole, "id": index, "bbox": [20, 20, 30 + index, 40]} for index in range(2, 72)]  # type: ignore[dict-item]
    assert imported(here, {**COCO, "annotations": [*small[:35], whole, *small[35:]]}) == 0
    assert "bag: left out 7 of 71 subjects, the smallest: a scene holds 64 at most" in capsys.readouterr().err
    loaded = load(["got"], LoadOptions(deep=True))
    assert not loaded.errors and len(loaded.scenes[0].instances) == len(loaded.scenes[0].references) == 64
    assert len(list((here / "got/refs").iterdir())) == 64
    widths = [instance.box.right - instance.box.left for instance in loaded.scenes[0].instances]
    assert widths[28] == max(widths), "the order stays"


@pytest.mark.parametrize(
    ("labels", "asked_for"),
    [
        ({"cat": [[0, 0, 1, 1]] * 65}, "1 file to be put there"),
        ({f"cat {n}": [[0, 0, 1, 1]] for n in range(65)}, "64 files to be put there"),
    ],
    ids=["one picture", "a picture each"],
)
def test_too_many_boxes_without_references_are_left_out_too(
    labels: dict[str, object], asked_for: str, here: Path, capsys: Captured
) -> None:
    assert imported(here, {"cats": labels}) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "left out 1 of 65 subjects" in said and asked_for in said
    assert {problem.code for problem in load(["got"], LoadOptions()).errors} == {"no-such-image"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": " "}, "left out data: its prompt is empty"),
        ({"prompt": "a\0b"}, "a control character is in its prompt"),
        ({"prompt": "a\ud800b"}, "a control character is in its prompt"),
        ({"prompt": "x" * 20_001}, "its prompt has more than 20,000 letters"),
        ({"instances": []}, "it has no subject with a box on the picture"),
        (
            {"instances": [{"image": "a\0.png", "bbox": [0, 0, 1, 1]}]},
            "a control character is in its prompt or in a file",
        ),
    ],
)
def test_what_no_scene_can_hold_is_refused(
    changes: dict[str, object], words: str, here: Path, capsys: Captured
) -> None:
    assert imported(here, {**SEGMENTS, **changes}) == 2
    assert words in " ".join(capsys.readouterr().err.split()) and not (here / "got").exists()


def test_of_many_scenes_those_that_cannot_be_written_are_left_out_by_name(here: Path, capsys: Captured) -> None:
    (image,), (whole,) = COCO["images"][:1], COCO["annotations"]
    pictures = [image, {**image, "id": 2, "file_name": "no-box.jpg"}, {**image, "id": 3, "file_name": "no-words.jpg"}]  # type: ignore[dict-item]
    outside = {**whole, "id": 2, "image_id": 2, "bbox": [500, 0, 9, 9]}  # type: ignore[dict-item]
    subjects = [whole, outside, {**whole, "id": 3, "image_id": 3}, {"id": 4, "image_id": 3, "caption": ""}]  # type: ignore[dict-item]
    assert imported(here, {**COCO, "images": pictures, "annotations": subjects}) == 0
    out, err = capsys.readouterr()
    assert out == "got/bag.yaml\n" and not load(["got"], LoadOptions(deep=True)).errors
    assert "left out no-box: it has no subject" in err and "left out annotation 2" in err
    assert "left out no-words: its prompt is empty" in err


def test_a_label_of_any_length_makes_a_name_that_is_read_again(here: Path) -> None:
    assert imported(here, {"cats": {"cat " * 500: [[0, 0, 0.5, 1]], "cat " * 501: [[0.5, 0, 1, 1]]}}) == 0
    assert [problem.code for problem in load(["got"], LoadOptions()).errors] == ["no-such-image"] * 2


def test_very_many_names_are_told_apart_in_a_moment(here: Path) -> None:
    began = time.process_time()
    assert imported(here, {"cats": {"!" * (n + 1): [[0, 0, 1, 1]] for n in range(5_000)}}) == 0
    assert time.process_time() - began < 6


def test_masks_of_pictures_that_are_not_there_are_drawn_up_to_a_size(here: Path, capsys: Captured) -> None:
    (image,), (whole,) = COCO["images"][:1], COCO["annotations"]
    pictures = [{**image, "id": n, "file_name": "no.jpg", "width": 8000, "height": 8000} for n in range(17)]  # type: ignore[dict-item]
    subjects = [{**whole, "id": n, "image_id": n} for n in range(17)]  # type: ignore[dict-item]
    assert imported(here, {**COCO, "images": pictures, "annotations": subjects}) == 2
    assert "masks of more than 1024 megapixels would be drawn" in " ".join(capsys.readouterr().err.split())
    assert not (here / "got").exists()


def test_a_file_that_is_missing_is_looked_for(here: Path, capsys: Captured) -> None:
    (here / "instances.json").write_text("{}")
    assert run(["import", "instance.json", "-o", "got"]) == 2
    assert "did you mean instances.json?" in capsys.readouterr().err


def test_keys_that_mean_nothing_here_are_named(here: Path, capsys: Captured) -> None:
    first, *others = SEGMENTS["instances"]  # type: ignore[misc]
    data = {**SEGMENTS, "height": 3, "objects": [], "instances": [{**first, "text": "a", "id": 1}, *others]}
    assert imported(here, data) == 0
    note = " ".join(capsys.readouterr().err.split())
    assert note == "data: not understood and left out: `height`, `objects`, `instances[].text`, `instances[].id`"
    assert imported(here, SEGMENTS, "--force") == 0 and capsys.readouterr().err == ""


def test_names_of_scenes_differ_in_more_than_letter_case(here: Path, capsys: Captured) -> None:
    assert imported(here, {"Dog": {"a": [[0, 0, 1, 1]]}, "dog": {"a": [[0, 0, 1, 1]]}}) == 0
    assert capsys.readouterr().out.split() == ["got/Dog.yaml", "got/dog-2.yaml"]


def with_annotation(**changes: object) -> dict[str, object]:
    (annotation,) = COCO["annotations"]
    return {**COCO, "annotations": [{**annotation, **changes}]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ({"a": 1}, [], "of no format known here"),
        ([], [], "of no format known here"),
        ({**SEGMENTS, "score": float("nan")}, [], "NaN is no number"),
        ({**SEGMENTS, "width": 500}, [], "--size"),
        ({**SEGMENTS, "instances": [{"image": "a.png"}]}, [], "instance 0 has no `bbox`"),
        ({**SEGMENTS, "instances": [{"image": "a.png", "bbox": [1, 2]}]}, [], "four numbers"),
        ({**SEGMENTS, "width": "512"}, ["--size", "512x512"], "no number of pixels"),
        ({**SEGMENTS, "instances": [{"image": "a.png", "bbox": [0, 0, 1e10, 1]}]}, [], "too large"),
        (with_annotation(segmentation=[5]), [], "must be a list of numbers"),
        (with_annotation(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), [], "an x without a y"),
        (with_annotation(image_id=[1]), [], "nothing in it makes a scene"),
        ({**COCO, "images": [{**COCO["images"][0], "width": 10**9}]}, [], "1000000000 x 150 px"),  # type: ignore[dict-item]
        ({**COCO, "annotations": []}, [], "nothing in it makes a scene"),
        (MIG, ["--format", "coco"], "is missing"),
        ({"a": {"b": 1}}, [], "'a', 'b': a list of boxes is missing"),
        ({"a": {"b": []}}, [], "'a', 'b': a list of boxes is missing"),
        ({" ": {"b": [[0, 0, 1, 1]]}}, [], "the prompt of 'b' is empty"),
        ({"a": {"b": [[0.5, 0, 0.5, 1]]}}, [], "'a', 'b': the box [0.5, 0, 0.5, 1] has no area"),
        ({"a": {"b": [[0.5, 0, 0.4, 1]]}}, [], "'a', 'b': the box [0.5, 0, 0.4, 1] has no area"),
        ({"a": {"b": [[0, 0, 512, 300]]}}, [], "'a', 'b': the box [0, 0, 512, 300] leaves the image: MIG boxes are"),
        ({**SEGMENTS, "instances": [{"image": "a.png", "bbox": [0, 0, 0, 1]}]}, [], "instance 0: the box"),
    ],
)
def test_import_says_what_it_misses(data: object, options: list[str], words: str, here: Path, capsys: Captured) -> None:
    assert imported(here, data, *options) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (here / "got").exists()


def test_import_overwrites_nothing(here: Path, capsys: Captured) -> None:
    assert imported(here, SEGMENTS) == 0 and imported(here, SEGMENTS) == 2
    assert "exists already" in capsys.readouterr().err
    assert imported(here, SEGMENTS, "--force") == 0


def test_import_overwrites_no_mask(here: Path, capsys: Captured) -> None:
    (here / "got/refs").mkdir(parents=True)
    (here / "got/refs/bag-hand-bag_mask.png").write_text("mine")
    assert imported(here, COCO) == 2
    assert "bag-hand-bag_mask.png exists already" in " ".join(capsys.readouterr().err.split())
