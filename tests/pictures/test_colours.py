"""Embedded profiles are applied, sRGB changes nothing, and what cannot be applied is named."""

from __future__ import annotations

import numpy as np
import profiles
import pytest
from PIL import Image, ImageCms

from contextgen.pictures.colours import in_eight_bits, in_srgb, is_converted, profile_problem, transform_of


def flat(mode: str, colour: object, profile: bytes | None = None) -> Image.Image:
    image = Image.new(mode, (4, 4), colour)  # type: ignore[arg-type]
    if profile is not None:
        image.info["icc_profile"] = profile
    return image


def read(image: Image.Image) -> tuple[int, ...]:
    found = in_srgb(image, transform_of(image)).convert("RGB").getpixel((1, 1))
    assert isinstance(found, tuple)
    return found


def near(found: tuple[int, ...], expected: tuple[int, ...], within: int = 2) -> bool:
    return all(abs(one - other) <= within for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_profile_says_which_colour_is_meant(mode: str) -> None:
    image = flat("RGB", (51, 204, 51), profiles.swapped()).convert(mode)
    assert is_converted(image) and near(read(image), (204, 51, 51))


@pytest.mark.parametrize(
    ("primaries", "given", "expected"),
    [
        (profiles.DISPLAY_P3, (234, 51, 35), (255, 0, 0)),  # sRGB's red, in the numbers of Display P3
        (profiles.DISPLAY_P3, (128, 128, 128), (128, 128, 128)),
        (profiles.DISPLAY_P3, (255, 0, 0), (255, 0, 0)),  # beyond sRGB: its nearest
    ],
)
def test_wide_gamuts_come_to_srgb(primaries, given, expected) -> None:
    assert near(read(flat("RGB", given, profiles.with_primaries(primaries))), expected)


def test_adobe_rgb_is_more_vivid_than_its_numbers() -> None:
    red, green, blue = read(flat("RGB", (120, 180, 120), profiles.with_primaries(profiles.ADOBE_RGB)))
    assert green - red > 180 - 120 + 20 and green - blue >= 180 - 120


def test_grey_of_another_gamma_and_grey_in_a_colour_profile() -> None:
    assert near(read(flat("L", 128, profiles.grey(1.0))), (188, 188, 188))
    assert near(read(flat("LA", (128, 9), profiles.grey(1.0))), (188, 188, 188))
    assert near(read(flat("L", 128, profiles.swapped())), (128, 128, 128))


def test_srgb_and_no_profile_change_nothing() -> None:
    for image in (flat("RGB", (1, 2, 3)), flat("RGB", (1, 2, 3), profiles.srgb()), flat("L", 9, profiles.srgb())):
        assert transform_of(image) is None and not is_converted(image) and profile_problem(image) is None
    assert read(flat("RGB", (1, 2, 3), profiles.srgb())) == (1, 2, 3)


@pytest.mark.parametrize(
    ("mode", "profile", "words"),
    [
        ("RGB", b"junk" * 50, "cannot be read"),
        ("RGB", profiles.srgb()[:200], "cannot be read"),
        ("RGB", profiles.grey(2.2), "for GRAY pixels, and its own are RGB"),
        ("CMYK", profiles.srgb(), "for RGB pixels, and its own are CMYK"),
    ],
)
def test_what_cannot_be_applied_is_named(mode: str, profile: bytes, words: str) -> None:
    image = flat(mode, 0, profile)
    problem = profile_problem(image)
    assert problem is not None and words in problem and not is_converted(image)


def test_a_profile_that_pillow_could_not_unpack_is_named_too() -> None:
    image = flat("RGB", 0)
    image.info["icc_profile"] = None
    assert profile_problem(image) == "its colour profile cannot be read"


def test_lab_is_converted_and_cmyk_without_a_profile_is_ink() -> None:
    lab = ImageCms.profileToProfile(
        flat("RGB", (200, 60, 40)), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None and near(read(lab), (200, 60, 40), within=3)
    assert read(flat("CMYK", (0, 255, 255, 0))) == (255, 0, 0)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    every = Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256))
    assert (np.asarray(in_eight_bits(every)).ravel() == (np.arange(65536) + 128) // 257).all()
    assert in_eight_bits(flat("L", 7)).getpixel((0, 0)) == 7


def test_premultiplied_colours_are_divided() -> None:
    assert near(read(flat("RGBA", (200, 100, 50, 128)).convert("RGBa")), (200, 100, 50))
