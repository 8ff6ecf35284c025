"""A picture is turned as Pillow turns it, wherever its EXIF stands."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from contextgen.pictures.orientation import is_sideways, orientation_of, stored_rows, turned, upright_size


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 11, 3), dtype=np.uint8))


def exif(orientation: int) -> Image.Exif:
    written = Image.Exif()
    written[0x0112] = orientation
    return written


def saved(kind: str = "PNG", **how: object) -> Image.Image:
    data = io.BytesIO()
    picture().save(data, kind, **how)
    return Image.open(data)


def raw_profile(name: str, data: bytes) -> PngInfo:
    """As ImageMagick writes it."""
    text = PngInfo()
    text.add_text(name, f"\nexif\n{len(data):8}\n{data.hex()}\n", zip=True)
    return text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_is_what_pillow_turns(orientation: int) -> None:
    stored = saved(exif=exif(orientation))
    upright = ImageOps.exif_transpose(saved(exif=exif(orientation)))
    assert orientation_of(stored) == orientation and upright_size(stored) == upright.size
    assert is_sideways(orientation) is (stored.size != upright.size)
    assert turned(stored, orientation).tobytes() == upright.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rows_of_the_upright_picture_are_found_in_the_stored_one(orientation: int) -> None:
    upright = turned(picture(), orientation)
    for top in range(upright.height - 1):
        rows = picture().crop(stored_rows(picture().size, orientation, top, top + 2))
        assert turned(rows, orientation).tobytes() == upright.crop((0, top, upright.width, top + 2)).tobytes()


@pytest.mark.parametrize("name", ["Raw profile type exif", "Raw profile type APP1"])
def test_imagemagicks_raw_profiles_are_exif(name: str) -> None:
    assert orientation_of(saved(pnginfo=raw_profile(name, exif(6).tobytes()))) == 6


def test_a_raw_profile_that_is_xmp_says_nothing() -> None:
    assert orientation_of(saved(pnginfo=raw_profile("Raw profile type APP1", b"http://ns.adobe.com/xap/1.0/\0"))) == 1


def test_what_is_no_orientation_turns_nothing() -> None:
    assert orientation_of(saved(exif=exif(9))) == orientation_of(saved()) == 1


def test_pillow_turns_tiffs_itself() -> None:
    stored = saved("TIFF", exif=exif(6))
    assert orientation_of(stored) == 1 and upright_size(stored) == (7, 11)
