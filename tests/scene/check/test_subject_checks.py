"""What background removers leave is warned of with numbers; what they should leave is not."""

from __future__ import annotations

import re

import pytest
from PIL import Image, ImageDraw, ImageFilter

from contextgen_cli.scene.check.subject_checks import warnings_of


def disc() -> Image.Image:
    mask = Image.new("L", (200, 160))
    ImageDraw.Draw(mask).ellipse((60, 40, 110, 90), fill=255)
    return mask


def with_dots(*places: tuple[int, int]) -> Image.Image:
    mask = disc()
    for place in places:
        mask.putpixel(place, 255)
    return mask


def codes(mask: Image.Image) -> list[str]:
    return [each.code for each in warnings_of(mask, (0, 0))]


def test_glass_that_will_be_cut_away_is_told_in_per_cent() -> None:
    glass = disc().point(lambda value: value * 110 // 255)
    ImageDraw.Draw(glass).rectangle((80, 90, 90, 120), fill=255)
    (warning,) = warnings_of(glass, (0, 0))
    assert warning.code == "faint-subject" and re.match(
        r"8\d % of what is visible is fainter than one half", warning.message
    )


@pytest.mark.parametrize(
    "mask",
    [
        disc(),
        disc().filter(ImageFilter.GaussianBlur(3)),  # a soft edge
        disc().point(lambda value: max(value, 9)),  # a veil that nobody sees
        disc().point(lambda value: value * 200 // 255),
    ],
)
def test_soft_edges_and_veils_are_no_reason(mask: Image.Image) -> None:
    assert codes(mask) == []


@pytest.mark.parametrize(
    ("places", "box"),
    [
        ([(190, 10)], "131x81"),  # beyond a corner
        ([(5, 70)], "106x51"),  # at the side, in the subject's rows
        ([(85, 159)], "51x120"),  # below, in its columns
        ([(1, 1), (198, 158)], "198x158"),
        ([(1, 1), (1, 2), (198, 3)], "198x90"),
    ],
)
def test_specks_that_make_the_box_are_told_with_their_place(places: list[tuple[int, int]], box: str) -> None:
    (warning,) = warnings_of(with_dots(*places), (1000, 500))
    assert warning.code == "stray-specks" and f"box {box} px instead of 51x51" in warning.message
    assert f" of {len(places)} px" in warning.message
    assert any(f" at {x + 1000}, {y + 500}" in warning.message for x, y in places)


@pytest.mark.parametrize("mask", [with_dots((113, 60)), with_dots((85, 60))])
def test_specks_that_hardly_change_the_box_are_no_reason(mask: Image.Image) -> None:
    assert codes(mask) == []


def test_specks_that_are_too_much_together_are_none() -> None:
    bars = disc()
    bars.paste(255, (1, 1, 9, 2))
    assert codes(bars) == ["stray-specks"]
    bars.paste(255, (190, 158, 198, 159))
    assert codes(bars) == []


def test_a_part_that_stands_apart_is_no_speck() -> None:
    apart = disc()
    ImageDraw.Draw(apart).ellipse((180, 10, 195, 25), fill=255)
    assert codes(apart) == []


def test_a_subject_of_a_few_pixels_is_no_speck() -> None:
    assert codes(Image.new("L", (9, 9), 255).resize((3, 3))) == []
