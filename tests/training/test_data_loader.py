"""Batches in order, whoever prepares them, and ahead of whoever takes them."""

from __future__ import annotations

import threading
from itertools import chain

import numpy as np
import pytest
from shapes import Shapes

from contextgen.method.method_card import ModelCard
from contextgen.training.preprocessing.data_loader import ahead, batches
from contextgen.training.preprocessing.samples import prepare


def test_items_ahead_are_the_same_and_made_before_they_are_asked_for() -> None:
    second_is_made = threading.Event()

    def items():
        yield 1
        second_is_made.set()
        yield 2
        raise OSError("the disk is gone")

    coming = ahead(items())
    assert next(coming) == 1
    assert second_is_made.wait(10)
    assert next(coming) == 2
    with pytest.raises(OSError, match="the disk is gone"):
        next(coming)


def test_batches_come_in_the_order_of_their_indices() -> None:
    found = list(batches(Shapes(), 2, ModelCard(), [3, 0], workers=0))
    expected = [[prepare(example, ModelCard()) for example in Shapes().batch(index, 2)] for index in (3, 0)]
    assert [len(batch) for batch in found] == [2, 2]
    assert all(np.array_equal(a.target, b.target) for a, b in zip(chain(*found), chain(*expected), strict=True))
