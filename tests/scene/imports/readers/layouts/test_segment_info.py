"""The released `segment_info.json`, made to the letter of its facts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

FOX = {"image": "the fox/fox.png", "bbox": [100, 200, 500, 900], "label": "fox", "phrase": "A fox"}
MAP = {"image": "the fox/map.jpg", "mask": "the fox/map_mask.png", "bbox": [480, 521, 801, 763], "label": "map"}
READING = {
    "caption": "A fox: it reads a map.",
    "width": 1024,
    "layout_image": "the fox/layout.png",
    "instances": [FOX, {**MAP, "phrase": "A paper map"}],
}
BAG = {"caption": "A bag.", "width": 768, "instances": [{"image": "keyed.png", "bbox": [0, 10, 767, 300]}]}


@pytest.fixture
def demo(here: Path) -> Path:
    """The pictures of two scenes; one has a palette, of which one index is transparent."""
    (here / "the fox").mkdir()
    for old, new in (("crab.png", "fox.png"), ("bag.jpg", "map.jpg"), ("bag_mask.png", "map_mask.png")):
        (here / "the fox" / new).write_bytes((here / old).read_bytes())
    layout = Image.new("RGBA", (1024, 1024))
    layout.paste((200, 80, 40, 255), (100, 200, 500, 900))
    layout.save(here / "the fox/layout.png")
    keyed = Image.new("P", (100, 100), 1)
    keyed.putpalette([255, 0, 255, 0, 0, 200])
    keyed.paste(0, (0, 0, 40, 100))
    keyed.save(here / "keyed.png", transparency=0)
    return here


def test_each_entry_is_a_scene(demo, importing, got) -> None:
    done = importing([READING, BAG], name="segment_info.json")
    assert (done.code, done.err) == (0, "")
    assert done.lines == ["got/00-the-fox.yaml", f"got/01-{demo.name}.yaml"]
    reading, bag = got()
    assert reading.prompt == "A fox: it reads a map." and str(reading.canvas) == "768x768"
    assert [(each.reference, each.box.pixels) for each in reading.instances] == [
        ("fox", (75, 150, 375, 675)),
        ("map", (360, 390, 600, 572)),  # truncated, not rounded: 390.75, 600.75, 572.25
    ]
    assert reading.layout.resolve() == demo / "the fox/layout.png"
    assert reading.reference("fox").mask is None
    assert reading.reference("map").mask.resolve() == demo / "the fox/map_mask.png"
    assert bag.instances[0].box.pixels == (0, 10, 767, 300) and bag.layout is None


def test_the_transparent_index_of_a_palette_is_no_subject(demo, importing, contextgen) -> None:
    assert importing([BAG]).code == 0
    assert contextgen("compose", "got", "-o", "layout.png").code == 0
    with Image.open("layout.png") as layout:
        seen = Image.composite(layout, Image.new("RGBA", layout.size), layout.getchannel("A"))
    red, _, blue, alpha = (band.getextrema() for band in seen.split())
    assert red == (0, 0), "of the transparent magenta nothing comes in"
    assert blue[1] >= 200 and alpha == (0, 255)


def test_the_canvas_may_be_another_and_is_never_width(demo, importing, got) -> None:
    assert importing(READING, "--size", "512x256").code == 0
    (scene,) = got()
    assert str(scene.canvas) == "512x256"
    assert [each.box.pixels for each in scene.instances] == [(50, 50, 250, 225), (240, 130, 400, 190)]


def test_values_of_one_and_less_are_pixels_too(demo, importing, got) -> None:
    assert importing({**BAG, "width": 8, "instances": [{**BAG["instances"][0], "bbox": [0, 0, 1, 1]}]}).code == 0
    (scene,) = got()
    assert scene.instances[0].box.pixels == (0, 0, 96, 96)


def test_from_the_file_to_the_picture(demo, importing, contextgen, monkeypatch) -> None:
    """import | validate, import | compose, import | render, through standard input, and from the folder."""
    importing([READING, BAG], name="segment_info.json")
    stream = contextgen("import", "segment_info.json", "--size", "128x128", "-o", "-")
    assert stream.code == 0
    for command in (["validate"], ["compose", "-o", "layouts"], ["render", "--steps", "1", "-o", "pictures"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stream.out.encode())))
        assert contextgen(*command, "-").code == 0, command
    assert sorted(path.name for path in Path("layouts").iterdir()) == [
        "00-the-fox.layout.png",
        f"01-{demo.name}.layout.png",
    ]
    assert Path("pictures/00-the-fox-0.png").is_file() and Path(f"pictures/01-{demo.name}-0.png").is_file()
    assert contextgen("validate", "got").code == 0


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**BAG, "caption": " "}, "left out entry 1: `caption` is empty"),
        ({**BAG, "caption": "x" * 20_001}, "left out entry 1: its prompt has more than 20,000 letters"),
        ({**BAG, "caption": "a\0b"}, "left out entry 1: a control character is in its prompt"),
        ({"caption": "A bag.", "instances": []}, "left out entry 1: `width` is missing"),
        ({**BAG, "width": 0}, "left out entry 1: `width` is 0, no number of pixels"),
        ({**BAG, "width": 1e-320}, "left out entry 1: `width` is 1e-320, no number of pixels"),
        ({**BAG, "width": True}, "left out entry 1: this is no number: True"),
        ({**BAG, "instances": []}, "left out entry 1: it has no subject with a box"),
        ({**BAG, "instances": 5}, "left out entry 1: `instances` is no list: 5"),
        (7, "left out entry 1: this is no object: 7"),
    ],
)
def test_a_bad_entry_is_left_out_by_name(entry, words, demo, importing, got) -> None:
    done = importing([READING, entry, BAG], name="segment_info.json")
    assert done.code == 1 and words in done.err
    assert [scene.name for scene in got()] == ["00-the-fox", f"02-{demo.name}"]


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        ({"image": "a.png"}, "`bbox` is missing"),
        ({"bbox": [1, 2, 3, 4]}, "`image` is missing"),
        ({"image": "a.png", "bbox": [1, 2]}, "a box must be four numbers, not [1, 2]"),
        ({"image": "a.png", "bbox": [1, 2, "x", 4]}, "this is no number: 'x'"),
        ({"image": "a.png", "bbox": [0, 0, 1e10, 1]}, "a number is too large"),
        ({"image": "a.png", "bbox": [5, 5, 5, 90]}, "its box [3, 3, 3, 67] has no area on a canvas of 768x768 px"),
        ({"image": "a.png", "bbox": [2000, 0, 2100, 90]}, "lies outside the canvas"),
        ({"image": "a.png", "bbox": [-900000, 0, 900000, 90]}, "is larger than any canvas"),
    ],
)
def test_a_bad_instance_costs_no_other(instance, words, demo, importing, got) -> None:
    done = importing([{**READING, "instances": [instance, FOX]}])
    assert done.code == 1 and "left out instance 0: " in done.err and words in done.err
    (scene,) = got()
    assert [each.reference for each in scene.instances] == ["fox"]


def test_a_layout_that_is_no_name_is_left_out(demo, importing, got) -> None:
    done = importing([{**READING, "layout_image": ["layout.png", "mask.png"]}])
    assert done.code == 1 and "00-the-fox: left out the layout" in done.err
    assert got()[0].layout is None


def test_a_picture_without_mask_or_transparency_is_told(demo, importing) -> None:
    done = importing([{**READING, "instances": [{**FOX, "image": "bag.jpg"}]}])
    assert done.code == 1 and "no transparency" in done.err and "got/00-data.yaml:5:16: error" in done.err


def test_keys_that_mean_nothing_here_are_named(demo, importing) -> None:
    done = importing([{**READING, "height": 3, "instances": [{**FOX, "text": "a", "id": 1}, MAP]}])
    assert done.code == 0
    said = "00-the-fox: not understood and left out: `height`, `instances[].text`, `instances[].id`"
    assert done.err.strip() == said


def test_one_picture_in_two_boxes_is_one_reference(demo, importing, got) -> None:
    again = {**FOX, "bbox": [600, 200, 900, 500]}
    assert importing([{**READING, "instances": [FOX, again, {**MAP, "label": "狐"}]}]).code == 0
    (scene,) = got()
    assert [each.reference for each in scene.instances] == ["fox", "fox", "subject"]


def test_names_of_windows_and_of_addresses_are_found(demo, importing, got) -> None:
    fox, map_ = {**FOX, "image": "the fox\\fox.png"}, {**MAP, "mask": "the%20fox/map_mask.png"}
    assert importing([{**READING, "instances": [fox, map_]}]).code == 0
    assert got()[0].references[0].image.resolve() == demo / "the fox/fox.png"


def test_the_user_says_where_the_pictures_are(demo, importing, got) -> None:
    assert importing([READING], name="elsewhere/segment_info.json").code == 1
    assert importing([READING], "--images", ".", "--force", name="elsewhere/segment_info.json").code == 0
    assert got()[0].layout.resolve() == demo / "the fox/layout.png"
