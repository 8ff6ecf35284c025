"""The nearest background, also where objects cover most of it (its looks are in tests/data/test_scenery.py)."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.scenery.backgrounds import BACKGROUNDS
from contextgen.evaluation.synthetic.background_metric import nearest_background, redrawn


@pytest.mark.parametrize("number", [0, 7, 20])
def test_covered_pixels_say_nothing(number):
    background = BACKGROUNDS[number]
    picture = background.paint(np.random.default_rng(5), 128, 128, background.variants[0])
    outside = np.ones((128, 128), np.bool_)
    outside[32:, 16:112] = False
    covered = np.where(outside[..., None], picture, np.uint8(255))
    assert nearest_background(covered, outside) == background.name


def test_a_look_is_redrawn_otherwise_every_time_but_the_same_for_everybody():
    background = BACKGROUNDS[3]
    first = redrawn(background.name, background.variants[0], 64, 48, 2)
    assert first.shape == (2, 48, 64, 3)
    assert (first[0] != first[1]).any()
    redrawn.cache_clear()
    assert (redrawn(background.name, background.variants[0], 64, 48, 2) == first).all()
