"""labelme's JSON."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

TRIANGLE = {"label": "sail", "points": [[10, 10], [90, 10], [90, 90]], "group_id": None, "shape_type": "polygon"}


def labelled(*shapes: object, **changes: object) -> dict[str, object]:
    sizes = {"imageHeight": 150, "imageWidth": 150}
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "bag.jpg",
        "imageData": None,
        **sizes,
        **changes,
    }


def png(size: tuple[int, int], taken: tuple[int, int, int, int]) -> str:
    image, data = Image.new("1", size), io.BytesIO()
    image.paste(1, taken)
    image.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def test_shapes_with_an_area_are_subjects(importing, got) -> None:
    rectangle = {"label": "door", "points": [[60, 80], [20, 40]], "shape_type": "rectangle"}
    circle = {"label": "moon", "points": [[100, 100], [100, 120]], "shape_type": "circle"}
    mask = {"label": "dot", "points": [[30, 40], [50, 52]], "shape_type": "mask", "mask": png((21, 13), (5, 2, 15, 9))}
    assert importing(labelled(TRIANGLE, rectangle, circle, mask)).code == 0
    (scene,) = got()
    crops = {each.name: each.crop.pixels for each in scene.references}
    assert crops == {
        "sail": (10, 10, 90, 90),
        "door": (20, 40, 60, 80),
        "moon": (80, 80, 120, 120),
        "dot": (35, 42, 45, 49),
    }
    with Image.open(scene.reference("dot").mask) as image:
        assert image.getbbox() == (35, 42, 45, 49)


def test_shapes_of_a_group_are_one_subject(importing, got) -> None:
    other = {**TRIANGLE, "group_id": 1, "points": [[100, 100], [120, 100], [120, 120]]}
    assert (
        importing(labelled({**TRIANGLE, "group_id": 1}, other, {**TRIANGLE, "label": "flag", "group_id": 1})).code == 0
    )
    assert [each.crop.pixels for each in got()[0].references] == [(10, 10, 120, 120), (10, 10, 90, 90)]


def test_a_picture_in_another_folder_of_windows_is_found(here, importing, got) -> None:
    (here / "labels").mkdir()
    assert importing(labelled(TRIANGLE, imagePath="..\\bag.jpg"), name="labels/bag.json").code == 0
    assert len(got()) == 1


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"label": "a", "points": [[1, 2]], "shape_type": "point"}, "a 'point' of 1 points has no area"),
        ({"label": "a", "points": [[1, 2], [3, 4]]}, "a 'polygon' of 2 points has no area"),
        ({"label": "a", "points": [[1, 2, 3]]}, "its points are not all x and y"),
        ({"points": [[1, 2]]}, "`label` is missing"),
        ({**TRIANGLE, "shape_type": "mask"}, "`mask` is missing"),
        ({**TRIANGLE, "shape_type": "mask", "mask": "!"}, "its mask is no picture"),
        ({**TRIANGLE, "shape_type": "mask", "mask": "aGVsbG8="}, "its mask is no picture"),
        (5, "this is no object: 5"),
    ],
)
def test_a_bad_shape_costs_no_other(shape, words, importing, got) -> None:
    done = importing(labelled(shape, TRIANGLE))
    assert done.code == 1 and "bag: left out shape 0: " in done.err and words in done.err
    assert len(got()[0].instances) == 1


def test_a_turned_quadrangle_is_an_outline(importing, got) -> None:
    turned = {"label": "kite", "points": [[20, 40], [120, 50], [115, 140], [15, 130]], "shape_type": "rotation"}
    assert importing(labelled(turned)).code == 0
    assert got()[0].references[0].crop.pixels == (15, 40, 120, 140)
