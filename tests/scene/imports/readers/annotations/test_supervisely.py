"""Supervisely's JSON."""

from __future__ import annotations

import base64
import io
import zlib

import pytest
from PIL import Image

SQUARE = [[20, 20], [120, 20], [120, 120], [20, 120]]
RECTANGLE = {"classTitle": "door", "geometryType": "rectangle", "points": {"exterior": [[120, 140], [20, 40]]}}


def labelled(*objects: object) -> dict[str, object]:
    return {"description": "", "size": {"height": 150, "width": 150}, "objects": list(objects)}


def bitmap(size: tuple[int, int], taken: tuple[int, int, int, int]) -> str:
    image, data = Image.new("1", size), io.BytesIO()
    image.paste(1, taken)
    image.save(data, "PNG")
    return base64.b64encode(zlib.compress(data.getvalue())).decode()


def test_shapes_with_an_area_are_subjects(importing, got) -> None:
    hole = [[50, 50], [90, 50], [90, 90], [50, 90]]
    ring = {"classTitle": "ring", "geometryType": "polygon", "points": {"exterior": SQUARE, "interior": [hole]}}
    dot = {
        "classTitle": "dot",
        "geometryType": "bitmap",
        "bitmap": {"origin": [30, 40], "data": bitmap((9, 7), (2, 1, 9, 7))},
    }
    assert importing(labelled(RECTANGLE, ring, dot), name="bag.jpg.json").code == 0
    (scene,) = got()
    crops = {each.name: each.crop.pixels for each in scene.references}
    assert crops == {"door": (20, 40, 120, 140), "ring": (20, 20, 120, 120), "dot": (32, 41, 39, 47)}
    with Image.open(scene.reference("ring").mask) as mask:
        assert [mask.getpixel(at) for at in ((30, 30), (70, 70))] == [255, 0]


def test_the_picture_is_found_in_its_folder(here, importing, got) -> None:
    (here / "ds/img").mkdir(parents=True)
    (here / "bag.jpg").rename(here / "ds/img/bag.jpg")
    assert importing(labelled(RECTANGLE), name="ds/ann/bag.jpg.json").code == 0 and len(got()) == 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"geometryType": "point", "points": {"exterior": [[1, 2]]}}, "a point has no area"),
        ({"geometryType": "polygon", "points": {"exterior": [[1, 2, 3]]}}, "its points are not all x and y"),
        ({"geometryType": "bitmap", "bitmap": {"origin": [1, 2], "data": "aGVsbG8="}}, "its bitmap is not deflated"),
        ({"geometryType": "bitmap", "bitmap": {"origin": [1], "data": "aGVsbG8="}}, "its origin is not x and y"),
        (5, "this is no object: 5"),
    ],
)
def test_a_bad_object_costs_no_other(bad, words, importing, got) -> None:
    done = importing(labelled(bad, RECTANGLE), name="bag.jpg.json")
    assert done.code == 1 and f"bag: left out object 0: {words}" in done.err and len(got()[0].instances) == 1
