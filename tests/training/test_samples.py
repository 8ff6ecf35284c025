"""Examples become what the model is given, by the functions that rendering uses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from shapes import Shapes

from contextgen.method.layout import Instance
from contextgen.method.method_card import ModelCard
from contextgen.training.preprocessing.samples import prepare

CARD = ModelCard()


def test_pixels_are_in_minus_one_to_one_and_the_layout_is_the_composite() -> None:
    (example,) = Shapes(1).batch(0, 1)
    sample = prepare(example, CARD)
    assert sample.target.shape == sample.layout.shape == (48, 64, 3)
    assert np.array_equal(np.round((sample.target + 1) * 127.5), np.asarray(example.target))
    left, top, right, bottom = example.instances[0].box
    outside = np.ones((48, 64), bool)
    outside[top:bottom, left:right] = False
    assert abs(sample.layout[outside]).max() < 0.01  # mid-grey where nothing is given
    assert abs(sample.layout[~outside]).max() > 0.1


def test_a_layout_of_its_own_is_taken_as_it_is() -> None:
    (example,) = Shapes(1).batch(0, 1)
    sample = prepare(replace(example, layout=Image.new("RGBA", (64, 48), "red")), CARD)
    assert (sample.layout == (1, -1, -1)).all()


def test_the_tokens_of_all_boxes_are_those_that_any_touches() -> None:
    (_, two) = Shapes(1).batch(0, 2)
    by_hand = np.zeros((3, 4), bool)
    for left, top, right, bottom in (instance.box for instance in two.instances):
        by_hand[top // 16 : -(-bottom // 16), left // 16 : -(-right // 16)] = True
    assert np.array_equal(prepare(two, CARD).boxed, by_hand.reshape(-1))


def test_what_cannot_be_drawn_is_said_with_the_examples_name() -> None:
    (example,) = Shapes(1).batch(0, 1)
    empty = Instance(Image.new("RGBA", (8, 8)), box=(0, 0, 16, 16))
    with pytest.raises(ValueError, match=r"^shape 0: "):
        prepare(replace(example, instances=(empty,)), CARD)
