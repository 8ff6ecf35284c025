"""Label Studio's JSON, long and short."""

from __future__ import annotations

import pytest
from PIL import Image

RECTANGLE = {"x": 20, "y": 40, "width": 30, "height": 20, "rotation": 0, "rectanglelabels": ["red bag"]}


def region(kind: str, value: dict[str, object], **others: object) -> dict[str, object]:
    sizes = {"original_width": 150, "original_height": 150, "image_rotation": 0}
    return {"id": "r", "type": f"{kind}labels", **sizes, "value": value, **others}


def task(*regions: object, image: str = "/data/upload/1/bag.jpg", **others: object) -> dict[str, object]:
    return {"id": 1, "data": {"image": image}, "annotations": [{"id": 2, "result": list(regions), **others}]}


def mask_box(scene) -> tuple[int, ...] | None:
    with Image.open(scene.references[0].mask) as mask:
        return mask.getbbox()


def test_a_rectangle_is_per_cent(importing, got) -> None:
    choices = {"type": "choices", "value": {"choices": ["good"]}}
    done = importing([task(region("rectangle", RECTANGLE), choices)])
    assert done.code == 0 and "without an outline" in done.err
    (scene,) = got()
    assert scene.references[0].crop.pixels == (30, 60, 75, 90) and scene.references[0].name == "red-bag"
    assert mask_box(scene) == (30, 60, 75, 90) and scene.prompt == "A photo of a red bag."


def test_a_turned_rectangle_is_turned_about_its_corner(importing, got) -> None:
    assert importing([task(region("rectangle", {**RECTANGLE, "rotation": 90}))]).code == 0
    assert got()[0].references[0].crop.pixels == (0, 60, 30, 105)


def test_polygons_and_ellipses_are_outlines(importing, got) -> None:
    polygon = {"points": [[20, 20], [60, 20], [60, 80]], "polygonlabels": ["sail"]}
    ellipse = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 90, "ellipselabels": ["egg"]}
    assert importing([task(region("polygon", polygon), region("ellipse", ellipse))]).code == 0
    (scene,) = got()
    assert scene.reference("sail").crop.pixels == (30, 30, 90, 120)
    assert scene.reference("egg").crop.pixels == (60, 45, 90, 105)


def bits(*fields: tuple[int, int]) -> list[int]:
    """Numbers of so many bits, as bytes."""
    text = "".join(f"{value:0{count}b}" for value, count in fields)
    text += "0" * (-len(text) % 8)
    return [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]


def brush(width: int, first: int, last: int, height: int) -> list[int]:
    """Rows `first` to `last` of a picture, of which the first pixel is written value by value."""
    before, taken, rest = (4 * width * rows for rows in (first, last - first, height - last))
    head = [(before + taken + rest, 32), (7, 5), *[(15, 4)] * 4]
    single = [(0, 1), (0, 2), (3, 16), *[(0, 8)] * 4]
    runs = [field for count, value in ((before - 4, 0), (taken, 255), (rest, 0)) for field in
            ((1, 1), (1, 2), (count - 1, 16), (value, 8))]  # fmt: skip
    return bits(*head, *single, *runs)


def test_a_brush_is_read(importing, got) -> None:
    value = {"format": "rle", "rle": brush(150, 40, 70, 150), "brushlabels": ["stripe"]}
    assert importing([task(region("brush", value))]).code == 0
    (scene,) = got()
    assert mask_box(scene) == (0, 40, 150, 70) and scene.references[0].crop.pixels == (0, 40, 150, 70)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (region("brush", {"rle": [1, 2, 3], "brushlabels": ["a"]}), "cut short"),
        (region("brush", {"rle": [-1], "brushlabels": ["a"]}), "are no bytes"),
        (region("brush", {"rle": "x", "brushlabels": ["a"]}), "are no list"),
        (region("brush", {"rle": [255] * 40, "brushlabels": ["a"]}), "are of 4,294,967,295 values"),
        (region("rectangle", {"x": 1}), "`y` is missing"),
        (region("polygon", {"points": [[1, 2]], "polygonlabels": ["a"]}), "neither a box nor an outline"),
        (region("rectangle", RECTANGLE, image_rotation=90), "the image was turned while it was annotated"),
        (region("keypoint", {"x": 1, "y": 2, "width": 0.1}), "a keypoint has no area"),
    ],
)
def test_a_bad_region_costs_no_other(bad, words, importing, got) -> None:
    done = importing([task(bad, region("rectangle", RECTANGLE))])
    assert done.code == 1 and "left out region r: " in done.err and words in done.err
    assert len(got()[0].instances) == 1


def test_the_short_form_is_read(importing, got) -> None:
    short = {**RECTANGLE, "original_width": 150, "original_height": 150}
    assert importing([{"image": "/data/upload/1/0a1b2c3d-bag.jpg", "id": 1, "label": [short]}]).code == 0
    assert got()[0].references[0].crop.pixels == (30, 60, 75, 90)


def test_a_file_of_the_local_store_is_found(here, importing, got) -> None:
    (here / "shots").mkdir()
    (here / "bag.jpg").rename(here / "shots/my bag.jpg")
    served = "/data/local-files/?d=shots/my%20bag.jpg"
    assert importing([task(region("rectangle", RECTANGLE), image=served)]).code == 0
    assert len(got()) == 1


def test_a_bad_task_costs_no_other(importing, got) -> None:
    good = region("rectangle", RECTANGLE)
    cancelled = {**task(good, was_cancelled=True), "id": 3}
    done = importing([{**task(good), "id": 2, "data": {"text": "x"}}, cancelled, 5, task(good)])
    assert done.code == 1 and len(got()) == 1
    assert "task 3" not in done.err, "nothing is on it"
    for words in ("task 2: no image is named", "task 2: this is no object: 5"):
        assert f"left out {words}" in done.err


def test_a_region_may_come_with_its_label_and_without(importing, got) -> None:
    """So it is where the labels are of no shape; what is said of a region repeats its place."""
    place = {key: RECTANGLE[key] for key in ("x", "y", "width", "height")}
    labels, shape = region("", {**place, "labels": ["bag"]}), {**region("", place), "type": "rectangle"}
    remark = {**region("", {**place, "choices": ["good"]}), "type": "choices"}
    assert importing([task(shape, labels, remark)]).code == 0
    assert [reference.name for reference in got()[0].references] == ["bag"]
