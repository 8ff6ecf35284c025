"""Where subjects land: the released arithmetic, number for number, and what the layout image then has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from contextgen.method.layout import Instance, compose, extent_of, prepare_reference
from contextgen.method.method_card import ModelCard
from contextgen.method.placement import FITS, Edges, Extent, Placement, place

CANVAS = (128, 96)
CARDS = {frame: ModelCard(reference_frame=frame) for frame in ("picture", "canvas")}


def square(side: int) -> Extent:
    """A subject of which so many pixels are placed, in the middle of its picture."""
    return Extent((side + 1 + 2 * 30, side + 1 + 2 * 30), (30, 30, 30 + side + 1, 30 + side + 1))


def test_the_last_foreground_row_and_column_are_left_out_as_released() -> None:
    assert Extent((50, 40), (10, 5, 30, 25)).cropped == (10, 5, 29, 24)
    assert Extent((50, 40), (49, 39, 50, 40)).cropped == (49, 39, 50, 40)  # one pixel is all there is


@pytest.mark.parametrize(("side", "placed"), [(195, 80), (196, 79)])
def test_the_quotient_of_the_areas_is_rounded_to_float32(side: int, placed: int) -> None:
    """80 / side times side is 80; in float32 the quotient of the squares lies above or below the true one."""
    assert place(square(side), (24, 24, 104, 104), "area", (128, 128)).size == (placed, placed)


def test_the_rounding_is_seen_in_the_layout_image() -> None:
    picture = Image.new("RGBA", (256, 256))
    picture.paste("red", (30, 30, 30 + 197, 30 + 197))
    instance = Instance(picture, box=(24, 24, 104, 104))
    reference = prepare_reference(instance, CARDS["picture"], 128, 128)
    assert reference.soft_mask.size == (256, 256)
    assert compose([reference], [instance], 128, 128).image.getbbox() == (25, 25, 104, 104)


@pytest.mark.parametrize(
    ("fit", "placed"),
    [
        ("area", (30, 10, 70, 90)),  # 64 x 128 shrunk to the area of 80 x 40, about the box's centre (50, 50)
        ("stretch", (10, 30, 90, 70)),
        ("image", (38, 33, 54, 65)),  # the picture shrunk to a quarter: from 45 left to 19 right of its middle
    ],
)
def test_fits(fit: str, placed: Edges) -> None:
    subject = Extent((100, 160), (5, 12, 5 + 64 + 1, 12 + 128 + 1))
    assert place(subject, (10, 30, 90, 70), fit, (128, 128)).edges == placed


def test_a_subject_may_stick_out_of_the_canvas() -> None:
    assert place(square(60), (0, 0, 128, 8), "area", (128, 96)) == Placement((48, -12), (32, 32))


def test_a_box_about_the_canvas_edge_keeps_half_of_its_subject_outside() -> None:
    """No scale brings that half in, so the other edges alone limit it."""
    assert place(Extent((100, 100), (20, 20, 81, 81)), (-40, 10, 40, 90), "image", CANVAS).edges == (-24, 26, 24, 74)


@given(
    centre=st.tuples(st.integers(1, CANVAS[0] - 1), st.integers(1, CANVAS[1] - 1)),
    frame=st.tuples(st.integers(2, 300), st.integers(2, 300)),
    shares=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 4),
)
@settings(deadline=None)
def test_a_whole_picture_never_takes_its_subject_off_the_canvas(centre, frame, shares) -> None:
    left, right = sorted(int(share * frame[0]) for share in shares[:2])
    top, bottom = sorted(int(share * frame[1]) for share in shares[2:])
    box = (centre[0] - 60, centre[1] - 60, centre[0] + 60, centre[1] + 60)
    edges = place(Extent(frame, (left, top, right + 1, bottom + 1)), box, "image", CANVAS).edges
    assert min(edges) >= 0 and edges[2] <= CANVAS[0] + 1 and edges[3] <= CANVAS[1] + 1  # a pixel is the least


@given(
    frame=st.sampled_from(sorted(CARDS)),
    fit=st.sampled_from(FITS),
    corner=st.tuples(st.integers(-80, 150), st.integers(-80, 120)),
    size=st.tuples(st.integers(1, 180), st.integers(1, 140)),
    shares=st.tuples(*[st.floats(0, 1, exclude_max=True)] * 4),
)
@settings(deadline=None)
def test_the_layout_image_has_a_subject_where_it_is_placed(frame, fit, corner, size, shares) -> None:
    wide, high = 320, 208  # as large as a reference is on this canvas: no smoothing rounds the subject's corners off
    left, right = sorted(int(share * wide) for share in shares[:2])
    top, bottom = sorted(int(share * high) for share in shares[2:])
    mask = Image.new("L", (wide, high))
    mask.paste(255, (left, top, right + 1, bottom + 1))
    box = (*corner, corner[0] + size[0], corner[1] + size[1])
    instance = Instance(Image.new("RGB", mask.size, "red"), mask, box, fit)

    placed = place(extent_of(mask, CARDS[frame], CANVAS), box, fit, CANVAS)
    if frame == "canvas":  # smoothing reaches over a subject that is thin there, or here: it has no edge of its own
        assume(min(right - left, bottom - top, *placed.size) >= 5)
    reference = prepare_reference(instance, CARDS[frame], *CANVAS)
    if reference.corner is not None:  # whole: where it is clipped, the corners that smoothing rounds off would count
        around = reference.soft_mask.point(lambda value: 255 * (value > 127)).getbbox()
        assert tuple(np.add(around, reference.corner * 2).tolist()) == placed.edges
        return
    seen = tuple(np.clip(placed.edges, 0, CANVAS * 2).tolist())
    is_off = seen[0] == seen[2] or seen[1] == seen[3]
    drawn = compose([reference], [instance], *CANVAS).image.getchannel("A").getbbox()
    assert drawn == (None if is_off else seen)
