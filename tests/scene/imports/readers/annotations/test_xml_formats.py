"""CVAT for images and Pascal VOC."""

from __future__ import annotations

import pytest
from PIL import Image

BOX = '<box label="red" xtl="20" ytl="40" xbr="120" ybr="140" z_order="2"/>'
MASK = '<mask label="dot" rle="5, 5, 30, 10" left="40" top="50" width="10" height="5" z_order="0"/>'
CORNERS = "<bndbox><xmin>20</xmin><ymin>40</ymin><xmax>120</xmax><ymax>140</ymax></bndbox>"
OBJECT = f"<object><name>red bag</name>{CORNERS}</object>"


def cvat(*shapes: str, image: str = 'id="0" name="bag.jpg" width="150" height="150"') -> str:
    return f"<?xml version='1.0' encoding='utf-8'?><annotations><image {image}>{''.join(shapes)}</image></annotations>"


def voc(*objects: str, size: str = "<size><width>150</width><height>150</height><depth>3</depth></size>") -> str:
    return f"<annotation><folder>x</folder><filename>bag.jpg</filename>{size}{''.join(objects)}</annotation>"


def test_shapes_of_cvat_lie_back_to_front(importing, got) -> None:
    polygon = '<polygon label="sail" points="10.0,20.0;60.0,20.0;60.0,90.0" z_order="1"></polygon>'
    ellipse = '<ellipse label="egg" cx="75" cy="75" rx="30" ry="10" rotation="90"/>'
    done = importing(cvat(BOX, "<tag label='day'/>", polygon, MASK, ellipse), name="annotations.xml")
    assert done.code == 0
    (scene,) = got()
    assert [each.reference for each in scene.instances] == ["dot", "egg", "sail", "red"]
    crops = [scene.reference(name).crop.pixels for name in ("dot", "egg", "sail", "red")]
    assert crops == [(40, 50, 50, 55), (65, 45, 85, 105), (10, 20, 60, 90), (20, 40, 120, 140)]
    with Image.open(scene.reference("dot").mask) as mask:
        seen = [mask.getpixel(at) for at in ((44, 50), (45, 50), (49, 50), (40, 51), (45, 54), (40, 53))]
    assert seen == [0, 255, 255, 0, 255, 0]


def test_a_turned_box_of_cvat_is_turned_about_its_centre(importing, got) -> None:
    assert importing(cvat(BOX.replace("xbr", 'rotation="90" xbr').replace('"140"', '"60"')), name="a.xml").code == 0
    assert got()[0].references[0].crop.pixels == (60, 0, 80, 100)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ('<points label="a" points="1,2"/>', "a 'points' has no area"),
        ('<box label="a" xtl="1"/>', "`ytl` is missing"),
        ('<box label="a" xtl="x" ytl="1" xbr="2" ybr="3"/>', "this is no number: 'x'"),
        ('<polygon label="a" points="1,2;3"/>', "an x without a y"),
        (
            '<mask label="a" rle="1,2" left="0" top="0" width="9" height="9"/>',
            "the run lengths of its mask are of 3 px",
        ),
    ],
)
def test_a_bad_shape_costs_no_other(shape, words, importing, got) -> None:
    done = importing(cvat(shape, BOX), name="annotations.xml")
    assert done.code == 1 and "bag: left out" in done.err and words in done.err
    assert len(got()[0].instances) == 1


def test_tracks_of_a_video_are_refused_with_words(importing) -> None:
    done = importing("<annotations><track id='0' label='a'/></annotations>", name="annotations.xml")
    assert done.code == 2 and "it has the tracks of a video: export it as `CVAT for images`" in done.err


def test_pascal_voc(importing, got) -> None:
    done = importing(voc(OBJECT, OBJECT.replace("<xmin>20</xmin>", "")), name="bag.xml")
    assert done.code == 1 and "bag: left out object 1: `bndbox/xmin` is missing" in done.err
    (scene,) = got()
    assert scene.prompt == "A photo of a red bag." and scene.references[0].crop.pixels == (20, 40, 120, 140)


@pytest.mark.parametrize("size", ["", "<size><width>0</width><height>0</height></size>"])
def test_pascal_voc_may_not_know_the_size(size, importing, got) -> None:
    assert importing(voc(OBJECT, size=size), name="bag.xml").code == 0
    assert len(got()) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "XML with a DOCTYPE or ENTITY is not read"),
        ("<annotation><object>", "data.xml:1:21: this is no XML: no element found"),
        ("<annotation>\0</annotation>", "this is no XML"),
        ("<svg/>", "of no format known here"),
        ("<a>" * 100_000, "this is no XML"),
    ],
)
def test_other_xml_is_refused_with_words(text, words, importing) -> None:
    done = importing(text, name="data.xml")
    assert done.code == 2 and words in done.err


def test_an_image_of_cvat_without_shapes_is_no_scene(importing, got) -> None:
    text = cvat(BOX).replace("</annotations>", '<image id="1" name="x.jpg"><tag label="a"/></image></annotations>')
    assert importing(text, name="annotations.xml").code == 0 and len(got()) == 1


def test_pascal_voc_without_objects_says_so(importing) -> None:
    done = importing(voc(), name="bag.xml")
    assert done.code == 2 and "left out bag.xml: it has no boxes" in done.err
