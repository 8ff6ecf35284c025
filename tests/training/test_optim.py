"""The rate's course, and the average of the weights."""

from __future__ import annotations

import inspect

import pytest
import torch
from prodigyopt import Prodigy

from contextgen.training.config import Optimizer
from contextgen.training.optim import WeightAverage, make_optimizer, rate_share


@pytest.mark.parametrize(("name", "library"), [("adamw", torch.optim.AdamW), ("prodigy", Prodigy)])
def test_betas_are_the_librarys_unless_they_are_stated(name: str, library: type) -> None:
    weights = {"weight": torch.nn.Parameter(torch.zeros(2))}
    own = inspect.signature(library).parameters["betas"].default
    assert make_optimizer(Optimizer(name), weights).defaults["betas"] == own == (0.9, 0.999)
    assert make_optimizer(Optimizer(name, betas=(0.8, 0.9)), weights).defaults["betas"] == (0.8, 0.9)


def test_prodigy_is_as_released_and_silent(capsys: pytest.CaptureFixture[str]) -> None:
    made = make_optimizer(Optimizer("prodigy"), {"weight": torch.nn.Parameter(torch.zeros(2))}).defaults
    assert (made["lr"], made["weight_decay"]) == (1, 0.01)
    assert made["use_bias_correction"] and made["safeguard_warmup"]
    assert capsys.readouterr() == ("", "")


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
