"""The formulas, held against hand computation."""

from __future__ import annotations

import math

import pytest
import torch

from contextgen.training.objectives.formulas import between, draw_times, preference_loss, velocity_errors


def test_times_are_the_sigmoid_of_a_normal() -> None:
    t = draw_times(20_000, torch.Generator().manual_seed(5))
    logits = torch.log(t / (1 - t))
    assert abs(logits.mean()) < 0.03 and abs(logits.std() - 1) < 0.03
    noisier = draw_times(20_000, torch.Generator().manual_seed(5), mean=1.0, std=0.5)
    assert torch.allclose(noisier, torch.sigmoid(1 + 0.5 * logits), atol=1e-5)


def test_the_line_goes_from_picture_to_noise() -> None:
    x_0, x_1 = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    assert torch.equal(between(x_0, x_1, torch.zeros(2)), x_0)
    assert torch.equal(between(x_0, x_1, torch.ones(2)), x_1)
    assert torch.allclose(velocity_errors(x_1 - x_0, x_0, x_1), torch.zeros(2))


def test_weights_count_the_tokens_of_boxes_more() -> None:
    x_0, x_1 = torch.zeros(1, 4, 2), torch.zeros(1, 4, 2)
    v = torch.tensor([3.0, 0, 0, 0])[None, :, None].expand(1, 4, 2)
    assert velocity_errors(v, x_0, x_1).item() == pytest.approx(9 / 4)
    assert velocity_errors(v, x_0, x_1, torch.tensor([[3.0, 1, 1, 1]])).item() == pytest.approx(27 / 6)


def test_preference_is_the_formula_of_the_paper() -> None:
    l_w, l_l, lref_w, lref_l = (torch.tensor([value]) for value in (0.30, 0.52, 0.34, 0.50))
    by_hand = -math.log(1 / (1 + math.exp(1250 / 2 * ((0.30 - 0.52) - (0.34 - 0.50)))))
    assert preference_loss(l_w, l_l, lref_w, lref_l, 1250).item() == pytest.approx(by_hand, abs=1e-4)
    assert preference_loss(l_l, l_w, lref_l, lref_w, 1250) > preference_loss(l_w, l_l, lref_w, lref_l, 1250)
