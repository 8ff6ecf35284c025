"""The rate's course, and the average of the weights."""

from __future__ import annotations

import pytest
import torch

from contextgen.training.config import Optimizer
from contextgen.training.optim import WeightAverage, rate_share


def test_the_rate_rises_in_a_line_and_falls_in_half_a_cosine() -> None:
    settings = Optimizer(warmup=4, final_rate=0.2)
    shares = [rate_share(settings, step, 104) for step in range(105)]
    assert shares[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert shares[54] == pytest.approx(0.6)  # half way down
    assert shares[104] == pytest.approx(0.2)
    assert shares[4:] == sorted(shares[4:], reverse=True)


def test_without_either_the_rate_stays() -> None:
    assert {rate_share(Optimizer(), step, 10) for step in range(10)} == {1.0}


def test_the_average_is_shown_for_a_while_or_adopted_for_good() -> None:
    weight = torch.nn.Parameter(torch.zeros(2))
    average = WeightAverage(0.5, {"weight": weight})
    with torch.no_grad():
        weight.fill_(1.0)
    average.update(1000)
    with average.shown():
        assert weight.tolist() == [0.5, 0.5]
    assert weight.tolist() == [1, 1]
    average.adopt()
    assert weight.tolist() == [0.5, 0.5]
