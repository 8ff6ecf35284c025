"""VGG Image Annotator's JSON."""

from __future__ import annotations

import pytest

RECTANGLE = {"name": "rect", "x": 20, "y": 40, "width": 100, "height": 100}
POLYGON = {"name": "polygon", "all_points_x": [10, 90, 90], "all_points_y": [10, 10, 90]}


def region(shape: object, **attributes: str) -> dict[str, object]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def images(regions: object) -> dict[str, object]:
    return {"bag.jpg4512": {"filename": "bag.jpg", "size": 4512, "regions": regions, "file_attributes": {}}}


@pytest.mark.parametrize("whole", [True, False])
def test_a_project_and_its_annotations_are_read(whole, importing, got) -> None:
    circle = {"name": "circle", "cx": 75, "cy": 75, "r": 20}
    found = images([region(RECTANGLE, label="door"), region(POLYGON, kind="sail"), region(circle)])
    project = {"_via_settings": {}, "_via_img_metadata": found, "_via_attributes": {}}
    assert importing(project if whole else found).code == 0
    crops = {each.name: each.crop.pixels for each in got()[0].references}
    assert crops == {"door": (20, 40, 120, 140), "sail": (10, 10, 90, 90), "subject": (55, 55, 95, 95)}


def test_version_1_numbers_its_regions(importing, got) -> None:
    assert importing(images({"0": region(RECTANGLE, label="door")})).code == 0
    assert got()[0].references[0].name == "door"


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"name": "point", "cx": 1, "cy": 2}, "a 'point' has no area"),
        ({"name": "rect", "x": 1}, "`y` is missing"),
        ({**POLYGON, "all_points_y": [1]}, "an x without a y"),
        (7, "`shape_attributes` is no object: 7"),
    ],
)
def test_a_bad_region_costs_no_other(shape, words, importing, got) -> None:
    done = importing(images([region(shape), region(RECTANGLE)]))
    assert done.code == 1 and words in done.err and len(got()[0].instances) == 1


def test_a_picture_without_regions_is_no_scene(importing, got) -> None:
    empty = {"x.jpg1": {"filename": "x.jpg", "size": 1, "regions": []}}
    assert importing({**empty, **images([region(RECTANGLE)])}).code == 0
    done = importing({**images([region(RECTANGLE)]), "y": {"filename": "y.jpg", "regions": 5}}, "--force")
    assert done.code == 1 and "left out 'y': its regions are no list: 5" in done.err
