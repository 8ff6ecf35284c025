"""An open model paints what it is asked for: every part of a picture, and of how it is opened, counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from golden_cases import CASES, TINY, read
from PIL import Image, ImageChops

from contextgen.backends.base import Adapter, Opening, Picture
from contextgen.backends.flux_kontext.flux_numerics import FluxNumerics
from contextgen.backends.flux_kontext.painter import FluxPainter, open_painter

OPENING = Opening(FluxNumerics(), "cpu", adapters=(Adapter(TINY / "adapter"),))


@pytest.fixture(scope="module")
def picture() -> Picture:
    call = read("cases", CASES[0]).call
    return Picture(call["prompt"], tuple(call["instances"]), call["width"], call["height"], 2, 3.5, 7)


@pytest.fixture(scope="module")
def painter() -> FluxPainter:
    return open_painter(TINY, OPENING)


@pytest.fixture(scope="module")
def plain(painter: FluxPainter, picture: Picture) -> Image.Image:
    return painted(painter, picture)


def painted(painter: FluxPainter, picture: Picture) -> Image.Image:
    return painter.paint(picture, lambda done: None)


def test_every_step_is_told_once_it_is_done(painter: FluxPainter, picture: Picture) -> None:
    heard: list[int] = []
    image = painter.paint(replace(picture, steps=3), heard.append)
    assert heard == [1, 2, 3]
    assert (image.mode, image.size) == ("RGB", (picture.width, picture.height))


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "another"},
        {"guidance": 8.0},
        {"seed": 8},
        {"steps": 1},
        {"layout": Image.new("RGBA", (64, 64), "red")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_a_picture_counts(
    painter: FluxPainter, picture: Picture, plain: Image.Image, change: dict[str, Any]
) -> None:
    assert ImageChops.difference(painted(painter, replace(picture, **change)), plain).getbbox() is not None
    assert painted(painter, picture) == plain  # and it leaves no trace


@pytest.mark.parametrize(
    "opening",
    [
        replace(OPENING, adapters=()),
        replace(OPENING, numerics=FluxNumerics("bfloat16")),
        replace(OPENING, numerics=FluxNumerics(ica="paper")),
        replace(OPENING, numerics=FluxNumerics(reuse_references=2)),
    ],
    ids=["adapter", "dtype", "ica", "reuse-references"],
)
def test_a_model_is_opened_as_it_is_told(picture: Picture, plain: Image.Image, opening: Opening) -> None:
    assert ImageChops.difference(painted(open_painter(TINY, opening), picture), plain).getbbox() is not None


def test_steps_are_left_out_where_that_is_asked_for(picture: Picture) -> None:
    eight = replace(picture, steps=8)
    cached = replace(OPENING, numerics=FluxNumerics(cache_steps="taylor"))
    whole, fewer = (painted(open_painter(TINY, opening), eight) for opening in (OPENING, cached))
    assert ImageChops.difference(whole, fewer).getbbox() is not None
