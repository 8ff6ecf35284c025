"""COCO annotations, and what tools make of them."""

from __future__ import annotations

import json
import math
import time

import pytest
from PIL import Image

CATEGORIES = [{"id": 7, "name": "hand bag"}, {"id": 0, "name": "red box"}]
IMAGE = {"id": 1, "file_name": "bag.jpg", "width": 150, "height": 150}
SQUARE = [25, 25, 125, 25, 125, 125, 25, 125]
WHOLE = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 20, 110.4, 110], "segmentation": [SQUARE]}
COCO = {"images": [IMAGE, {"id": 2, "file_name": "x.jpg"}], "categories": CATEGORIES, "annotations": [WHOLE]}


def with_annotations(*annotations: object) -> dict[str, object]:
    return {**COCO, "annotations": list(annotations)}


def with_image(**changes: object) -> dict[str, object]:
    return {**COCO, "images": [{**IMAGE, **changes}]}


def mask_of(scene, name: str = "hand-bag") -> Image.Image:
    with Image.open(scene.reference(name).mask) as mask:
        return mask.convert("L")


def test_the_images_own_subjects_become_references(importing, got) -> None:
    done = importing(COCO)
    assert done.code == 0 and "the image of 150x150 px became a canvas of 144x144" in done.err
    (scene,) = got()
    assert scene.prompt == "A photo of a hand bag." and scene.name == "bag"
    assert scene.references[0].crop.pixels == (20, 20, 130, 130)
    assert scene.instances[0].box.pixels == (19, 19, 125, 125)
    mask = mask_of(scene)
    assert (mask.getpixel((75, 75)), mask.getpixel((10, 75))) == (255, 0)


RUNS = [20 * 150 + 30, 100] + [50, 100] * 59 + [150 * 150 - (20 * 150 + 30) - 60 * 100 - 59 * 50]


def test_run_lengths_are_read(importing, got) -> None:
    runs = {**WHOLE, "bbox": [20, 30, 60, 100], "segmentation": {"size": [150, 150], "counts": RUNS}}
    assert importing(with_annotations(runs)).code == 0
    assert mask_of(got()[0]).getbbox() == (20, 30, 80, 130)


def test_compressed_run_lengths_are_read(importing, got) -> None:
    """Those of 3030, 100, 50, 100, 50 …: from the fourth on, each is written as what the last but one lacks of it."""
    text = packed(RUNS)
    runs = {**WHOLE, "bbox": [20, 30, 60, 100], "segmentation": {"size": [150, 150], "counts": text}}
    assert importing(with_annotations(runs)).code == 0
    assert mask_of(got()[0]).getbbox() == (20, 30, 80, 130)


def packed(counts: list[int]) -> str:
    """Counts as COCO's text: five bits a letter, the lowest first, with a sign."""
    letters = []
    for at, count in enumerate(counts):
        value = count - counts[at - 2] if at > 2 else count
        while True:
            bits, value = value & 31, value >> 5
            is_last = value == (-1 if bits & 16 else 0)
            letters.append(chr(48 + bits + 32 * (not is_last)))
            if is_last:
                break
    return "".join(letters)


def test_a_part_within_another_is_a_hole(importing, got) -> None:
    hole, island = [50, 50, 100, 50, 100, 100, 50, 100], [70, 70, 80, 70, 80, 80, 70, 80]
    apart = [130, 130, 140, 130, 140, 140, 130, 140]
    parts = {**WHOLE, "bbox": [20, 20, 130, 130], "segmentation": [hole, SQUARE, island, apart]}
    done = importing(with_annotations(parts))
    assert done.code == 0 and "1 subject with a part of the outline within another: it is a hole" in done.err
    mask = mask_of(got()[0])
    seen = [mask.getpixel(at) for at in ((30, 30), (60, 60), (75, 75), (135, 135), (127, 127))]
    assert seen == [255, 0, 255, 255, 0]


def test_a_box_without_an_outline_is_the_mask(importing, got) -> None:
    done = importing(with_annotations({**WHOLE, "segmentation": []}))
    assert done.code == 0 and "1 subject without an outline: the whole box is taken for it" in done.err
    assert mask_of(got()[0]).getbbox() == (20, 20, 131, 130)


def test_an_outline_without_a_box_has_its_own(importing, got) -> None:
    assert importing(with_annotations({**WHOLE, "bbox": []})).code == 0
    assert got()[0].references[0].crop.pixels == (25, 25, 125, 125)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bbox": [], "segmentation": []}, "it has neither a box nor an outline"),
        ({"bbox": [150, 0, 20, 20], "segmentation": []}, "its box has no area on the image"),
        ({"bbox": [1, 2]}, "a box must be four numbers"),
        ({"bbox": [0.1, 0.2, 0.3, 0.4]}, "its box looks like fractions of the image"),
        ({"segmentation": [5]}, "must be a list of numbers"),
        ({"segmentation": 5}, "neither polygons nor run lengths"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "an x without a y"),
        ({"segmentation": [[1, 1, 9, 1, 9, 9]]}, "its outline lies outside its box"),
        ({"segmentation": {"size": [150, 150], "counts": [5, 5]}}, "the run lengths of its mask are of 10 px"),
        ({"segmentation": {"size": [150, 150], "counts": [22500]}}, "its mask is empty"),
        ({"segmentation": {"size": [150, 150], "counts": "äöü"}}, "no text of COCO"),
        ({"segmentation": {"size": [150, 150], "counts": "oooo"}}, "cut short"),
        (
            {"segmentation": {"size": [10**6, 10**6], "counts": [10**8] * 10}},
            "for a height and width of [1000000, 1000000], the image is 150x150 px",
        ),
        ({"iscrowd": 1}, "it is a crowd"),
    ],
)
def test_a_bad_annotation_is_left_out_by_name(changes, words, importing, got) -> None:
    done = importing(with_annotations({**WHOLE, "id": 5, **changes}, WHOLE))
    assert done.code == 1 and "bag: left out annotation 5: " in done.err and words in done.err
    (scene,) = got()
    assert len(scene.instances) == 1


def test_corners_are_told_from_sizes_by_the_whole_file(importing, got) -> None:
    boxes = [[80, 60, 140, 120], [10, 10, 50, 60]]
    corners = [{**WHOLE, "id": at, "bbox": box, "segmentation": []} for at, box in enumerate(boxes)]
    done = importing(with_annotations(*corners))
    assert done.code == 2 and "the boxes of this file look like [x1, y1, x2, y2]: [80, 60, 140, 120]" in done.err
    done = importing(with_annotations(*corners, {**WHOLE, "bbox": [100, 10, 40, 50], "segmentation": []}))
    assert done.code == 0 and "the box of 1 subject is cut off at the image's edge" in done.err
    assert got()[0].references[0].crop.pixels == (80, 60, 150, 150)


@pytest.mark.parametrize("changes", [{"width": None, "height": None}, {"width": 150.0, "height": 150.0}])
def test_a_size_may_be_missing_or_a_float(changes, importing, got) -> None:
    assert importing(with_image(**changes)).code == 0
    assert got()[0].references[0].crop.pixels == (20, 20, 130, 130)


def test_an_image_that_was_resized_since_is_scaled(importing, got) -> None:
    box, outline = [40, 40, 220, 220], [[2 * value for value in SQUARE]]
    done = importing(
        {**with_image(width=300, height=300), "annotations": [{**WHOLE, "bbox": box, "segmentation": outline}]}
    )
    assert done.code == 0 and "bag.jpg is 150x150 px, but annotated at 300x300" in done.err
    (scene,) = got()
    assert scene.references[0].crop.pixels == (20, 20, 130, 130) and str(scene.canvas) == "144x144"
    assert mask_of(scene).getbbox() == (25, 25, 126, 126) or mask_of(scene).getbbox() == (25, 25, 125, 125)


def test_an_image_of_another_shape_is_left_out(importing) -> None:
    done = importing(with_image(width=300, height=150))
    assert done.code == 2 and "it is another picture, or was cropped since" in done.err


def test_the_size_may_be_that_of_the_upright_photo(here, importing, got) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (320, 240), "brown").save(here / "photo.jpg", exif=exif)
    upright = {**IMAGE, "file_name": "photo.jpg", "width": 240, "height": 320}
    assert importing({**COCO, "images": [upright]}).code == 0
    assert str(got()[0].canvas) == "240x320"
    done = importing({**COCO, "images": [{**upright, "width": 320, "height": 240}]}, "--force")
    assert done.code == 2 and "as it lies before EXIF turns it" in done.err


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my photo.jpg", "my%20photo.jpg"),
        ("images/a1b2-photo.jpg", "images\\a1b2-photo.jpg"),
        ("images/photo.jpg", "photo.jpg"),
        ("val2017/photo.jpg", "photo.jpg"),
        ("photo.jpg", "https://example.org/data/photo.jpg?size=large"),
        ("photo.jpg", "C:\\Users\\me\\photo.jpg"),
        ("photo.jpg", "/home/me/photo.jpg"),
    ],
)
def test_a_picture_is_found_by_what_an_export_made_of_its_name(file, name, here, importing, got) -> None:
    (here / file).parent.mkdir(exist_ok=True)
    (here / "bag.jpg").rename(here / file)
    assert importing(with_image(file_name=name), name="instances_val2017.json").code == 0
    assert got()[0].references[0].image.resolve() == here / file


def test_the_user_says_where_the_pictures_are(here, importing, got) -> None:
    (here / "far/away").mkdir(parents=True)
    (here / "bag.jpg").rename(here / "far/away/bag.jpg")
    assert importing(COCO).code == 1
    assert importing(COCO, "--images", "far/away", "--force").code == 0
    assert got()[0].references[0].image.resolve() == here / "far/away/bag.jpg"


def test_every_picture_that_is_missing_is_told(here, importing) -> None:
    images = [{**IMAGE, "id": at, "file_name": f"no-{at}.jpg"} for at in range(12)]
    done = importing({**COCO, "images": images, "annotations": [{**WHOLE, "image_id": at} for at in range(12)]})
    assert done.code == 1 and "12 files to be put there" in done.err
    assert all(f"no-{at}.jpg" in done.err for at in range(10)) and "and 2 more files" in done.err
    assert len(list((here / "got").glob("*.yaml"))) == 12


def test_the_prompt_is_the_caption(importing, got) -> None:
    assert importing(with_annotations(WHOLE, {"id": 4, "image_id": 1, "caption": "A bag on a beach."})).code == 0
    assert got()[0].prompt == "A bag on a beach."


def test_of_too_many_subjects_the_largest_are_kept(here, importing, got) -> None:
    small = [{**WHOLE, "id": index, "bbox": [20, 20, 30 + index, 40]} for index in range(2, 72)]
    done = importing(with_annotations(*small[:35], WHOLE, *small[35:]))
    assert done.code == 1
    assert "bag: left out 7 of 71 subjects, the smallest: a scene holds 64 at most" in done.err
    (scene,) = got()
    assert len(scene.instances) == len(scene.references) == len(list((here / "got/refs").iterdir())) == 64
    widths = [instance.box.right - instance.box.left for instance in scene.instances]
    assert widths[28] == max(widths), "the order stays"


def test_a_bad_image_costs_no_other(importing, got) -> None:
    images = [{"id": 3}, {**IMAGE, "id": 4, "width": -5}, "x", IMAGE]
    regions = [{**WHOLE, "image_id": at} for at in (1, 3, 4)]
    done = importing({**COCO, "images": images, "annotations": [*regions, 7]})
    assert done.code == 1 and len(got()) == 1
    assert "left out image 3: `file_name` is missing" in done.err
    assert "left out image 4: -5 is no width or height" in done.err
    assert "left out image 2: this is no object: 'x'" in done.err


def test_the_panoptic_format_is_named(importing) -> None:
    panoptic = {
        "image_id": 1,
        "file_name": "1.png",
        "segments_info": [{"id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}],
    }
    done = importing(with_annotations(panoptic))
    assert done.code == 2 and "this is COCO's panoptic format: give its instances" in done.err


def test_masks_of_pictures_that_are_not_there_are_drawn_up_to_a_size(monkeypatch, here, importing) -> None:
    monkeypatch.setattr("contextgen_cli.scene.limits.IMPORTED_PIXELS", 2 * 400 * 400)
    images = [{**IMAGE, "id": at, "file_name": "no.jpg", "width": 400, "height": 400} for at in range(3)]
    done = importing({**COCO, "images": images, "annotations": [{**WHOLE, "image_id": at} for at in range(3)]})
    assert done.code == 1 and "left out image 2: its picture is not there" in done.err
    assert len(list((here / "got/refs").iterdir())) == 2


def test_what_the_masks_are_called_is_never_doubled(here, importing, got) -> None:
    for name in ("bag", "bag-hand"):
        (here / f"{name}.jpg").write_bytes((here / "bag.jpg").read_bytes())
    images = [IMAGE, {**IMAGE, "id": 2, "file_name": "bag-hand.jpg"}]
    labels = [{"id": 7, "name": "hand bag"}, {"id": 8, "name": "bag"}]
    data = {"images": images, "categories": labels, "annotations": [WHOLE, {**WHOLE, "image_id": 2, "category_id": 8}]}
    assert importing(json.loads(json.dumps(data))).code == 0
    assert len({reference.mask for scene in got() for reference in scene.references}) == 2


def test_lvis_names_its_pictures_by_address(here, importing, got) -> None:
    (here / "val2017").mkdir()
    (here / "bag.jpg").rename(here / "val2017/0001.jpg")
    image = {"id": 1, "coco_url": "http://images.example.org/val2017/0001.jpg", "width": 150, "height": 150}
    assert importing({**COCO, "images": [image]}, name="lvis_v1_val.json").code == 0
    assert got()[0].name == "0001"


def test_very_many_parts_are_done_in_a_moment(here, importing) -> None:
    """Each of them within the last: to compare all corners with all would take minutes."""
    rings = [
        [value for step in range(1500) for value in (75 + radius * math.cos(step), 75 + radius * math.sin(step))]
        for radius in (70, 60, 50, 40, 30, 20)
    ]
    began = time.process_time()
    assert importing(with_annotations({**WHOLE, "bbox": [], "segmentation": rings})).code == 0
    assert time.process_time() - began < 5


def test_ids_may_be_text_here_and_numbers_there(importing, got) -> None:
    assert importing(with_annotations({**WHOLE, "image_id": "1", "category_id": "7"})).code == 0
    assert got()[0].prompt == "A photo of a hand bag."


def test_annotations_of_no_image_are_counted(importing) -> None:
    done = importing(with_annotations(WHOLE, {**WHOLE, "image_id": 9}, {**WHOLE, "image_id": [1]}))
    assert done.code == 1 and "left out 2 annotations: their `image_id` is that of no image" in done.err


def test_a_size_of_nothing_is_not_stated(importing, got) -> None:
    assert importing(with_image(width=0, height=0)).code == 0 and len(got()) == 1


def test_of_two_images_of_one_id_the_first_is_taken(importing, got) -> None:
    assert importing({**COCO, "images": [IMAGE, {**IMAGE, "file_name": "x.jpg"}]}).code == 0
    assert [scene.name for scene in got()] == ["bag"]
