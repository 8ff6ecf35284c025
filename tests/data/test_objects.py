"""The objects: what there is, and what training never sees."""

from __future__ import annotations

import hashlib
import zipfile
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from contextgen.data.objects import bled, is_held_out, objects


def test_there_are_about_as_many_as_the_font_has():
    assert 1250 < len(objects("all")) < 1450
    assert {"crab", "handbag", "umbrella", "octopus"} <= {thing.name for thing in objects("all")}


def test_the_splits_share_nothing_and_leave_nothing_out():
    train, held_out = ({thing.name for thing in objects(split)} for split in ("train", "held_out"))
    assert not train & held_out
    assert train | held_out == {thing.name for thing in objects("all")}
    assert len(held_out) > 80


@pytest.mark.parametrize("name", ["crab", "Crab", "Herb", "HERB", "herb", "violin", "saxophone", "handbag"])
def test_the_rule_of_the_split_is_the_documented_one(name):
    assert is_held_out(name) is (int(hashlib.sha1(name.lower().encode()).hexdigest(), 16) % 13 == 0)


def test_no_picture_is_in_both_splits_under_two_names():
    train, held_out = ({thing.source for thing in objects(split)} for split in ("train", "held_out"))
    assert not train & held_out


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="unknown split 'test'"):
        objects("test")


def test_pictures_are_cropped_to_what_is_drawn():
    crab = next(thing for thing in objects("all") if thing.name == "crab").picture
    assert crab.mode == "RGBA"
    assert crab.getchannel("A").getbbox() == (0, 0, *crab.size)


def test_the_licence_travels_along():
    with files("contextgen.data").joinpath("objects.zip").open("rb") as file, zipfile.ZipFile(file) as archive:
        assert b"SIL OPEN FONT LICENSE" in archive.read("LICENSE.txt")


def test_colours_go_on_under_transparent_pixels():
    picture = Image.new("RGBA", (40, 40))
    picture.paste((250, 10, 20, 255), (10, 10, 30, 30))
    colours = np.asarray(bled(picture))[..., :3].astype(int)
    assert abs(colours[6:34, 6:34] - (250, 10, 20)).max() < 12
    assert bled(picture).getchannel("A").tobytes() == picture.getchannel("A").tobytes()
