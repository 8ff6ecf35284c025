"""Mirroring and turning keep every part of a subject, and say beforehand how large the picture gets."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from contextgen.pictures.turning import flipped_and_rotated, rotated_size


def arrow(mode: str = "RGBA") -> Image.Image:
    """A subject that looks otherwise from every side, as large as its picture."""
    picture = Image.new("RGBA", (61, 40))
    ImageDraw.Draw(picture).polygon([(0, 0), (60, 20), (0, 39), (20, 20)], fill="red")
    return picture.getchannel("A") if mode == "L" else picture.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "L"])
@pytest.mark.parametrize(
    ("flip", "degrees", "same"),
    [
        ("horizontal", 0, Image.Transpose.FLIP_LEFT_RIGHT),
        ("vertical", 0, Image.Transpose.FLIP_TOP_BOTTOM),
        ("vertical", 180, Image.Transpose.FLIP_LEFT_RIGHT),
        (None, 90, Image.Transpose.ROTATE_270),  # Pillow counts the other way round
        (None, -90, Image.Transpose.ROTATE_90),
        ("horizontal", 90, Image.Transpose.TRANSVERSE),  # mirrored first
    ],
)
def test_whole_quarters_move_pixels_and_change_none(mode, flip, degrees, same):
    turned = flipped_and_rotated(arrow(mode), flip, degrees)
    assert turned.mode == mode and turned.tobytes() == arrow(mode).transpose(same).tobytes()


@pytest.mark.parametrize("degrees", [0, 360, -360])
def test_a_full_turn_is_none(degrees):
    picture = arrow()
    assert flipped_and_rotated(picture, None, degrees) is picture


@pytest.mark.parametrize("degrees", [1, 15, 30, 45, 100.5, 200, -15, 359])
def test_nothing_is_cut_off_and_the_corners_are_transparent(degrees):
    turned = flipped_and_rotated(arrow(), None, degrees)
    alpha = turned.getchannel("A")
    assert sum(alpha.histogram()[128:]) == pytest.approx(sum(arrow("L").histogram()[128:]), rel=0.03)
    assert alpha.getpixel((0, 0)) == 0
    inside = alpha.point([0] * 129 + [255] * 127)
    darkest = turned.getchannel("R").histogram(inside)[:200]
    assert not any(darkest) and inside.getbbox() is not None  # no black comes in at the edges


@pytest.mark.parametrize("size", [(61, 40), (40, 61), (1, 7), (100, 100), (333, 12)])
def test_the_size_is_known_beforehand(size):
    for degrees in (*range(-360, 361, 15), 0.1, 44.9, 123.4):
        assert flipped_and_rotated(Image.new("L", size), None, degrees).size == rotated_size(size, degrees)
