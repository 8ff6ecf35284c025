"""Every kind of picture comes to upright colours in sRGB, and an opacity."""

from __future__ import annotations

import io

import profiles
import pytest
from PIL import Image

from contextgen.pictures.reading import UnreadablePixels, is_plain, read


def turned_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def saved(image: Image.Image, kind: str = "PNG", **how: object) -> Image.Image:
    data = io.BytesIO()
    image.save(data, kind, **how)
    return Image.open(data)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_plain_picture_is_itself(mode: str) -> None:
    image = Image.new(mode, (8, 6))
    assert is_plain(image) and read(image).image is image


@pytest.mark.parametrize(
    ("mode", "kept"), [("1", "L"), ("LA", "L"), ("I;16", "L"), ("P", "RGB"), ("CMYK", "RGB"), ("RGBa", "RGB")]
)
def test_other_modes(mode: str, kept: str) -> None:
    assert not is_plain(Image.new(mode, (8, 6))) and read(Image.new(mode, (8, 6))).image.mode == kept


@pytest.mark.parametrize("profile", [None, profiles.swapped()])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_profile_and_orientation_together_and_never_twice(mode: str, profile: bytes | None) -> None:
    image = Image.new("RGBA", (8, 6), (40, 200, 60, 255)).convert(mode)
    found = read(saved(image, exif=turned_exif(), icc_profile=profile))
    assert found.image.size == (6, 8) and (found.alpha is None or found.alpha.size == (6, 8))
    colour = found.image.convert("RGB").getpixel((2, 2))
    assert isinstance(colour, tuple)
    if mode != "L":
        assert (colour[0] > 180) is (profile is not None)
    again = read(found.image)
    assert again.image.tobytes() == found.image.tobytes()
    assert found.alpha is None or read(found.alpha).image.size == (6, 8)


@pytest.mark.parametrize("profile", [profiles.grey(1.0), profiles.swapped()])
def test_grey_with_a_profile_is_read_alike_whichever_way_up_it_is_stored(profile: bytes) -> None:
    ramp = Image.linear_gradient("L").resize((8, 6))
    upright, sideways = (read(saved(ramp, icc_profile=profile, **how)).image for how in ({}, {"exif": turned_exif()}))
    assert upright.mode == sideways.mode == "RGB"
    assert sideways.tobytes() == upright.transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.filterwarnings("error")
def test_a_palette_with_an_opacity_each_is_read_without_a_word_from_pillow() -> None:
    palette = Image.new("P", (8, 6))
    palette.putpalette([200, 40, 30, 1, 2, 3])
    found = read(saved(palette, transparency=bytes((9, 255))))
    assert found.image.getpixel((1, 1)) == (200, 40, 30) and found.alpha is not None
    assert found.alpha.getextrema() == (9, 9)


def test_a_picture_is_left_as_it_was_unless_it_may_be_released() -> None:
    image = saved(Image.new("RGBA", (8, 6), (40, 200, 60, 9)), icc_profile=profiles.swapped())
    read(image)
    assert image.getpixel((2, 2)) == (40, 200, 60, 9)
    released = read(image, release=True)
    assert released.image is image and image.getpixel((2, 2)) != (40, 200, 60, 9)
    assert released.alpha is not None and released.alpha.getextrema() == (9, 9)


def test_jpegs_of_ink_are_read_as_adobe_writes_them() -> None:
    found = read(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)).image
    assert all(abs(one - other) < 4 for one, other in zip(found.getpixel((8, 8)), (255, 0, 0), strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_of_32_bits_are_no_colours(mode: str) -> None:
    with pytest.raises(UnreadablePixels, match="32-bit"):
        read(saved(Image.new(mode, (8, 6)), "TIFF"))
