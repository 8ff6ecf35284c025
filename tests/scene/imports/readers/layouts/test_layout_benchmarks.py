"""Layouts of benchmarks and of other models' inputs, made to the letter of their facts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

from contextgen_cli.scene.loader import LoadOptions, load

PROMPT = "a photo of a red cup and a blue cup and a red cup holder and a red cup"
MIG = {
    PROMPT: {
        "a blue cup": [[0.1, 0.2, 0.4, 0.5]],
        "a red cup": [[0.5, 0.2, 0.8, 0.5], [0.1, 0.6, 0.3, 0.9]],
        "a red cup holder": [[0, 0, 0.1, 0.1]],
        "coco_id": "12",
    }
}


def boxes(scene) -> list[tuple[str, tuple[int, int, int, int]]]:
    return [(each.reference, each.box.pixels) for each in scene.instances]


@pytest.fixture
def placed(here: Path):
    """The scenes once every picture that they ask for is put there."""

    def read():
        picture = (here / "crab.png").read_bytes()
        for problem in load(["got"], LoadOptions()).errors:
            assert problem.code == "no-such-image"
            path = here / problem.message.removeprefix("no such file: ")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(picture)
        loaded = load(["got"], LoadOptions(deep=True))
        assert not loaded.errors
        return list(loaded.scenes)

    return read


ORDERED = [
    ("a-red-cup", (256, 102, 410, 256)),
    ("a-blue-cup", (51, 102, 205, 256)),
    ("a-red-cup-holder", (0, 0, 51, 51)),
    ("a-red-cup", (51, 307, 154, 461)),
]


@pytest.mark.parametrize("written", ["yaml", "json"])
def test_coco_mig_in_the_order_of_its_prompt(written, importing, placed) -> None:
    text = yaml.safe_dump(MIG) if written == "yaml" else MIG
    done = importing(text, name=f"mig_bench_anno.{written}")
    assert done.code == 1 and "3 files to be put there" in done.err and "got/refs/a-red-cup.png" in done.err
    assert done.lines == ["got/mig-0012.yaml"] and "coco_id" not in done.err
    (scene,) = placed()
    assert scene.prompt == PROMPT and str(scene.canvas) == "512x512" and boxes(scene) == ORDERED


def test_coco_mig_as_its_evaluator_has_it(importing, placed) -> None:
    segment = [{"bbox": [0.5, 0.2, 0.8, 0.5], "label": "a red cup"}, {"bbox": [0, 0, 0.1, 0.1], "label": "a cat"}]
    cases = {"7": {"caption": "a red cup and a cat ", "segment": segment, "image_id": 5}}
    assert importing(cases, "--size", "256x256").lines == ["got/mig-0007.yaml"]
    (scene,) = placed()
    assert scene.prompt == "a red cup and a cat"
    assert boxes(scene) == [("a-red-cup", (128, 51, 205, 128)), ("a-cat", (0, 0, 26, 26))]


def test_labels_without_number_or_colour_are_ordered_too(importing, placed) -> None:
    labels = {"cat": [[0, 0.5, 0.25, 1], [0.5, 0.5, 1, 1]], "red dog": [[0.1, 0.1, 0.5, 0.5]], "tree": [[0, 0, 1, 1]]}
    importing({"a red dog and a cat": labels})
    assert [each.reference for each in placed()[0].instances] == ["red-dog", "cat", "cat", "tree"]


def test_a_box_may_leave_the_image_by_a_rounding(importing, placed) -> None:
    importing({"dogs": {"dog": [[-0.00004, 0, 0.5, 1.00004]]}}, "--size", "512x256")
    assert boxes(placed()[0]) == [("dog", (0, 0, 256, 256))]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"b": 1}, "left out 'b': a list of boxes is missing: 1"),
        ({"b": []}, "left out 'b': a list of boxes is missing: []"),
        ({"b": [[0.5, 0, 0.5, 1]]}, "left out 'b': its box [0.5, 0, 0.5, 1] has no area"),
        ({"b": [[0, 0, 512, 300]]}, "left out 'b': its box [0, 0, 512, 300] leaves the picture"),
        ({"b": [["x", 0, 1, 1]]}, "left out 'b': this is no number: 'x'"),
    ],
)
def test_a_bad_label_costs_no_other(labels, words, importing, placed) -> None:
    done = importing({"a b and a c": {**labels, "c": [[0, 0, 1, 1]]}, "bad": labels, "": {"c": [[0, 0, 1, 1]]}})
    assert done.code == 1 and f"a-b-and-a-c: {words}" in done.err
    assert "left out 'bad': left out 'b'" in done.err and "left out '': its prompt is empty" in done.err
    assert [each.reference for each in placed()[0].instances] == ["c"]


def test_labels_of_any_script_have_pictures_of_their_own(importing) -> None:
    data = {
        "一": {"狗": [[0, 0, 0.5, 1]], "猫": [[0.5, 0, 1, 1]]},
        "二": {"狗": [[0, 0, 1, 1]], "!": [[0, 0, 1, 1]]},
        "三": {"?": [[0, 0, 1, 1]], "Red dog": [[0, 0, 1, 1]]},
        "四": {"red-dog": [[0, 0, 1, 1]], "cat": [[0, 0, 1, 1]]},
        "五": {"Cat": [[0, 0, 1, 1]]},
    }
    importing(data)
    missing = [
        problem.message.removeprefix("no such file: got/refs/") for problem in load(["got"], LoadOptions()).errors
    ]
    names = ("狗.png", "猫.png", "subject.png", "subject-2.png", "Red-dog.png", "red-dog-2.png", "cat.png")
    assert sorted(missing) == sorted([*names, "Cat-2.png"])


def test_a_label_of_any_length_makes_a_name_that_is_read_again(importing, placed) -> None:
    importing({"cats": {"cat " * 500: [[0, 0, 0.5, 1]], "cat " * 501: [[0.5, 0, 1, 1]]}})
    assert len(placed()[0].references) == 2


@pytest.fixture
def packs(here: Path) -> Path:
    """The two packs of LAMICBench++, side by side."""
    files, layouts = here / "lamicbench_plus_files", here / "lamicbench_layout_pack"
    for folder, name, source in (
        ("reference_images/human", "face_12.jpg", "bag.jpg"),
        ("reference_masks/human", "face_12_mask.png", "bag_mask.png"),
        ("reference_images", "my corgi.jpg", "bag.jpg"),
        ("reference_masks", "my corgi_mask.png", "bag_mask.png"),
    ):
        (files / folder).mkdir(parents=True, exist_ok=True)
        (files / folder / name).write_bytes((here / source).read_bytes())
    (layouts / "layout_images").mkdir(parents=True)
    layout = Image.new("RGBA", (512, 512))
    layout.paste((1, 2, 3, 255), (0, 0, 99, 99))
    layout.save(layouts / "layout_images/layout_0003.png")
    return layouts


MAN = {"image_path": "human/face_12.jpg", "phrase": "man", "bbox": [0.1001, 0.2, 0.5, 0.9995]}
CORGI = {"image_path": "my corgi.jpg", "phrase": "corgi", "bbox": [0.5, 0.5, 0.9, 1]}
WALK = {"index": 3, "prompt": "A man walks a corgi.", "references": [MAN, CORGI]}


def test_lamicbench_layouts(packs, importing, got) -> None:
    done = importing([WALK], name="lamicbench_layout_pack/lamicbench_layout.json")
    assert (done.code, done.lines) == (0, ["got/lamic-0003.yaml"])
    (scene,) = got()
    assert scene.prompt == "A man walks a corgi." and str(scene.canvas) == "768x768"
    assert boxes(scene) == [("man", (77, 154, 384, 768)), ("corgi", (384, 384, 691, 768))]
    assert all(float(edge).is_integer() for edge in (scene.instances[0].box.left, scene.instances[0].box.bottom))
    assert scene.layout is not None and scene.layout.resolve() == packs / "layout_images/layout_0003.png"


def test_of_lamicbench_cases_without_boxes_are_left_out(packs, importing, got) -> None:
    plain = {**WALK, "index": 4, "references": [{key: MAN[key] for key in ("image_path", "phrase")}]}
    half = {**WALK, "index": 5, "references": [{**MAN, "bbox": None}, CORGI]}
    done = importing({"benchmark": [plain, half]}, name="lamicbench_plus_files/lamicbench_plus.json")
    assert done.code == 1 and "left out case 4: it has no boxes: those are in lamicbench_layout.json" in done.err
    assert "lamic-0005: left out reference 0: it has no box" in done.err
    assert [scene.name for scene in got()] == ["lamic-0005"]


def test_lamics_structured_inputs(here, importing, got) -> None:
    for name in ("my bag.jpg", "crab.png"):
        (here / "dataset/objects").mkdir(parents=True, exist_ok=True)
        (here / "dataset/objects" / name).write_bytes((here / name.removeprefix("my ")).read_bytes())
    box = [0.1, 0.2, 0.5, 0.75]
    sample = {
        "prompt": "A bag on a beach.",
        "CEI": "x",
        "ref_img_1": {"image_path": "./dataset/objects/my bag.jpg", "SAD": {"id": "bag", "desc": "a bag"}, "bbox": box},
        "ref_img_2": {"image_path": "./dataset/objects/crab.png", "SAD": {"id": "beach", "desc": "sand"}, "to_area": 9},
    }
    done = importing({"sample_000": sample}, name="dataset/structured_inputs/Two-Reference.json")
    assert done.code == 1 and "sample_000: left out ref_img_2: it has no box" in done.err
    assert "1 file to be put there" in done.err and "got/refs/sample_000-bag_mask.png" in done.err
    (here / "got/refs").mkdir()
    (here / "got/refs/sample_000-bag_mask.png").write_bytes((here / "bag_mask.png").read_bytes())
    (scene,) = got()
    assert boxes(scene) == [("bag", (77, 154, 384, 576))]


def test_the_pack_of_layoutsam(here, importing, got) -> None:
    pictures = [{"image_path": "bag.jpg", "mask_path": "bag_mask.png", "valid_bbox": None, "mask_valid_part": 0.8}]
    first = {"index": 0, "caption": "A red bag", "bbox": [0.1234, 0.2, 0.5, 0.75], "valid_bbox": [*pictures, 7]}
    empty = {"index": 1, "caption": "A lamp", "bbox": [0, 0, 1, 1], "valid_bbox": []}
    done = importing(
        [{"index": 17, "global_caption": "A bag.", "segments": [first, empty]}], name="layoutsam_sampled.json"
    )
    assert done.code == 1 and "layoutsam-0017: left out segment 1: it has no picture" in done.err
    (scene,) = got()
    assert scene.name == "layoutsam-0017" and str(scene.canvas) == "768x768"
    assert scene.instances[0].box.left == pytest.approx(0.1234 * 768, abs=1e-6), "it is not rounded"


ROW = {
    "global_caption": "A street with a bus.",
    "region_captions": "['bus', 'lamp']",
    "detail_region_captions": "['A red double-decker bus', 'A tall black lamp']",
    "bbox_list": "[[12, 40, 600, 500], [620, 10, 660, 420]]",
    "width": 800,
    "height": 600,
}


def test_rows_of_layoutsam(importing, placed) -> None:
    bomb = {**ROW, "bbox_list": "[" * 5000 + "]" * 5000}
    code = {**ROW, "bbox_list": "__import__('os').getcwd()"}
    short = {**ROW, "region_captions": "['bus']"}
    lines = "\n".join(json.dumps(row) for row in (ROW, bomb, code, short))
    done = importing(lines, name="rows.jsonl")
    assert done.code == 1 and done.err.count("`bbox_list` is no list") == 2 and "2 boxes have 1 captions" in done.err
    assert boxes(placed()[0]) == [("bus", (12, 51, 576, 640)), ("lamp", (595, 13, 634, 538))]


def test_inputs_of_instancediffusion(importing, placed) -> None:
    cat = {"bbox": [0, 51, 179, 230], "mask": [], "category_name": "", "caption": "a grey cat"}
    nameless = {**cat, "caption": ""}
    done = importing({"caption": "a cat", "width": 512, "height": 512, "annos": [cat, nameless]})
    assert done.code == 1 and "left out annotation 1: it has neither a `caption` nor a `category_name`" in done.err
    outlined = {**cat, "mask": {"size": [512, 500], "counts": "x"}}
    done = importing({"caption": "a cat", "width": 512, "height": 500, "annos": [outlined]}, "--force")
    assert "data: its 1 masks are not used: a scene has boxes" in done.err
    (scene,) = placed()
    assert (
        scene.prompt == "a cat"
        and str(scene.canvas) == "512x496"
        and boxes(scene) == [("a-grey-cat", (0, 51, 179, 279))]
    )


@pytest.mark.parametrize("key", ["bbox", "region_bboxes_list"])
def test_inputs_of_creatilayout(key, importing, placed) -> None:
    layout = {"global_caption": "two boxes", key: [[0.1, 0.1, 0.5, 0.5]], "region_caption_list": ["a red box"]}
    assert "1 file to be put there" in importing(layout).err
    (scene,) = placed()
    assert boxes(scene) == [("a-red-box", (77, 77, 384, 384))]
    done = importing([{**layout, "region_caption_list": []}, {**layout, "region_caption_list": [5]}], "--force")
    assert done.code == 2 and "1 boxes have 0 captions" in done.err and "its caption is no text: 5" in done.err
