"""`validate`, `schema`, `init` and `import` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from good_scene import GOOD
from PIL import Image

from contextgen_cli.cli import run
from contextgen_cli.scene.loading import LoadOptions, load

BAD = GOOD.replace("256", "250")


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text(BAD)
    return folder


Captured = pytest.CaptureFixture[str]


def test_validate(here: Path, capsys: Captured) -> None:
    assert run(["validate", "good.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "1 scene (1 picture) in 1 file: no errors" in err
    assert run(["validate", "."]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "bad.yaml:3:17: error: `width` must be a multiple of 16" in err
    assert "1 error, 0 warnings in 2 files" in err


def test_validate_for_programs(here: Path, capsys: Captured) -> None:
    assert run(["validate", ".", "--format", "json"]) == 2
    out, err = capsys.readouterr()
    *problems, summary = [json.loads(line) for line in out.splitlines()]
    assert err == "" and [problem["code"] for problem in problems] == ["not-a-multiple"]
    assert summary == {"type": "summary", "scenes": 1, "files": 2, "errors": 1, "warnings": 0, "exit": 2}
    run(["validate", ".", "--format", "github"])
    assert capsys.readouterr().out.startswith("::error file=bad.yaml,line=3,col=17,title=not-a-multiple::")
    run(["validate", ".", "--format", "sarif"])
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"][0]["ruleId"] == "not-a-multiple"


def test_validate_options(here: Path, capsys: Captured) -> None:
    assert run(["validate", "bad.yaml", "--set", "canvas.width=256"]) == 0
    (here / "warned.yaml").write_text(GOOD.replace("{x: 0,", "{x: -1,"))
    assert run(["validate", "warned.yaml"]) == 0
    assert run(["validate", "warned.yaml", "--strict"]) == 2
    assert run(["validate", "good.yaml", "--set", "sampling.guidance=NaN"]) == 2
    (here / "inner").mkdir()
    (here / "inner/out.yaml").write_text(GOOD.replace("image: ", "image: ../").replace("mask: ", "mask: ../"))
    assert (run(["validate", "inner"]), run(["validate", "inner", "--confine"])) == (0, 2)
    Image.new("RGBA", (200, 160)).save("crab.png")  # nothing to see
    assert (run(["validate", "good.yaml"]), run(["validate", "good.yaml", "--deep"])) == (0, 2)


@pytest.mark.parametrize("verb", [["validate"], ["compose", "-o", "lay.png"], ["render", "-o", "out", "--dry-run"]])
def test_a_model_unknown_is_found_at_its_place(verb: list[str], here: Path, capsys: Captured) -> None:
    (here / "typo.yaml").write_text(GOOD + "model: kontxt\n")
    assert run([*verb, "typo.yaml", *(["--model", "."] if "render" in verb else [])]) == 2
    err = capsys.readouterr().err
    assert "typo.yaml:12:8: error: no model has the alias `kontxt`" in err and "did you mean `kontext`?" in err


def test_schema(capsys: Captured) -> None:
    assert run(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert run(["schema", "scene"]) == 0 and json.loads(capsys.readouterr().out) == schema
    assert run(["schema", "sceen"]) == 2


@pytest.mark.parametrize("path", [".", "picnic", "my scenes/picnic day.yaml"])
def test_init(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", path]) == 0
    scene = tmp_path / capsys.readouterr().out.strip()
    loaded = load([str(scene)], LoadOptions(deep=True, strict=True, confine=True))
    assert not loaded.problems and len(loaded.scenes) == 1
    marked = scene.read_text().split("$schema=")[1].split("\n")[0]
    assert (scene.parent / marked).is_file()
    assert run(["init", path]) == 0  # the same again is in nobody's way


def test_init_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.yaml").write_text("mine")
    assert run(["init"]) == 2
    assert "scene.yaml exists already" in capsys.readouterr().err
    assert (tmp_path / "scene.yaml").read_text() == "mine" and not (tmp_path / "refs").exists()
    assert run(["init", "--force"]) == 0 and "version: 1" in (tmp_path / "scene.yaml").read_text()


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


def test_labels_that_make_one_word_stay_two_references(here: Path) -> None:
    assert imported(here, {"dogs": {"red dog": [[0, 0, 0.5, 1]], "red-dog": [[0.5, 0, 1, 1]]}}) == 0
    missing = [problem.message for problem in load(["got"], LoadOptions()).errors]
    assert missing == ["no such file: got/refs/red-dog.png", "no such file: got/refs/red-dog-2.png"]


def test_labels_of_any_script_have_pictures_of_their_own(here: Path) -> None:
    data = {
        "一": {"狗": [[0, 0, 0.5, 1]], "猫": [[0.5, 0, 1, 1]]},
        "二": {"狗": [[0, 0, 1, 1]], "!": [[0, 0, 1, 1]]},
        "三": {"?": [[0, 0, 1, 1]], "Red dog": [[0, 0, 1, 1]]},
        "四": {"red-dog": [[0, 0, 1, 1]]},
    }
    assert imported(here, data) == 0
    loaded = load(["got"], LoadOptions())
    missing = [problem.message.removeprefix("no such file: got/refs/") for problem in loaded.errors]
    assert sorted(missing) == sorted(
        ["狗.png", "猫.png", "狗.png", "subject.png", "subject-2.png", "Red-dog.png", "red-dog-2.png"]
    )


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
