"""The backgrounds: many, of any size, told apart."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.scenery.backgrounds import BACKGROUNDS, background
from contextgen.evaluation.synthetic.background_metric import nearest_background

every_background = pytest.mark.parametrize("place", BACKGROUNDS, ids=lambda place: place.name)


def test_there_are_at_least_twenty_in_several_looks():
    assert len(BACKGROUNDS) >= 20
    assert all(len(place.variants) >= 2 for place in BACKGROUNDS)
    phrases = [look.phrase for place in BACKGROUNDS for look in place.variants]
    assert len(set(phrases)) == len(phrases)


@every_background
@pytest.mark.parametrize("size", [(64, 384), (384, 64), (128, 128), (200, 264)])
def test_they_fill_any_canvas(place, size):
    pixels = place.paint(np.random.default_rng(0), *size)
    assert (pixels.shape, pixels.dtype) == ((size[1], size[0], 3), np.uint8)
    assert pixels.std() > 3


@every_background
def test_they_fill_the_smallest_canvas_whatever_is_drawn(place):
    for seed in range(24):
        assert place.paint(np.random.default_rng([7, seed]), 64, 64).std() > 3


@every_background
def test_the_same_seed_paints_the_same_pixels(place):
    first, again, other = (place.paint(np.random.default_rng(seed), 96, 96, place.variants[0]) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@every_background
def test_each_is_nearest_to_itself(place):
    everywhere = np.ones((128, 128), np.bool_)
    pictures = [
        place.paint(np.random.default_rng([5, seed]), 128, 128, look) for look in place.variants for seed in range(3)
    ]
    assert [nearest_background(picture, everywhere) for picture in pictures] == [place.name] * len(pictures)


def test_a_background_is_found_by_its_name():
    assert background("beach").variants[0].phrase == "on a sandy beach"
    with pytest.raises(ValueError, match="unknown background 'moon': use one of beach"):
        background("moon")
