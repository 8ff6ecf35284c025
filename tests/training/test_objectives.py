"""The formulas, held against hand computation; the two attentions give one gradient."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from shapes import TINY, Shapes, stage

from contextgen import ContextGenPipeline
from contextgen.training.model_loading import freeze, parameters_of
from contextgen.training.objectives.flow_objective import Flow, Objective, make_objective
from contextgen.training.objectives.formulas import Loss, between, draw_times, preference_loss, velocity_errors
from contextgen.training.preprocessing.latent_encoding import encode
from contextgen.training.preprocessing.samples import Prepared, prepare


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)
    freeze(pipe, parameters_of(pipe, ("transformer",), None).values())
    return pipe


def samples(pipe: ContextGenPipeline, count: int = 3):
    return [prepare(example, pipe.card) for example in Shapes(1).batch(0, count)]


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_times_are_the_sigmoid_of_a_normal() -> None:
    t = draw_times(20_000, generator())
    logits = torch.log(t / (1 - t))
    assert abs(logits.mean()) < 0.03 and abs(logits.std() - 1) < 0.03
    noisier = draw_times(20_000, generator(), mean=1.0, std=0.5)
    assert torch.allclose(noisier, torch.sigmoid(1 + 0.5 * logits), atol=1e-5)


def test_a_stage_says_which_times_are_trained(pipe: ContextGenPipeline) -> None:
    given = samples(pipe, 2)
    noise_only = {"logit_mean": 5.0, "logit_std": 1e-6}
    assert _flow(pipe, given, **noise_only) != _flow(pipe, given)
    assert _flow(pipe, given, **noise_only) == _flow(pipe, given, **noise_only | {"logit_std": 2e-6})


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


def test_preference_begins_undecided_and_learns_to_prefer_the_target(pipe: ContextGenPipeline) -> None:
    moving = parameters_of(pipe, ("transformer",), None)
    before = {name: parameter.detach().clone() for name, parameter in moving.items()}
    objective = make_objective(pipe, stage(objective="dpo", batch=3, beta=100.0), moving, False)
    layouts = [replace(sample, target=sample.layout) for sample in samples(pipe)]
    with torch.no_grad():
        target_error, layout_error = _flow(pipe, samples(pipe)), _flow(pipe, layouts)
    assert _loss(objective, samples(pipe)).value.item() == pytest.approx(math.log(2), abs=1e-5)
    optimizer = torch.optim.SGD(moving.values(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        _loss(objective, samples(pipe)).value.backward()
        optimizer.step()
    learned = _loss(objective, samples(pipe))
    assert learned.value.item() < math.log(2) - 0.01
    assert learned.figures["preferred"] > 0.5
    with torch.no_grad():
        assert _flow(pipe, samples(pipe)) - target_error < _flow(pipe, layouts) - layout_error
        for name, parameter in moving.items():
            parameter.copy_(before[name])


def test_exact_and_masked_attention_give_one_gradient(pipe: ContextGenPipeline) -> None:
    """The batched masks over padded references, against one sample at a time without what nobody reads."""
    masked, exact = (_gradients(pipe, attention) for attention in ("masked", "exact"))
    assert masked.keys() == exact.keys()
    for name, gradient in masked.items():
        assert (gradient - exact[name]).norm() <= 1e-4 * exact[name].norm() + 1e-6, name


def test_gradient_checkpointing_changes_no_gradient(pipe: ContextGenPipeline) -> None:
    plain = _gradients(pipe, "exact")
    pipe.transformer.enable_gradient_checkpointing()
    checkpointed = _gradients(pipe, "exact")
    pipe.transformer.disable_gradient_checkpointing()
    assert all(torch.allclose(checkpointed[name], plain[name], rtol=1e-4, atol=1e-7) for name in plain)


def test_an_emptied_caption_leaves_the_template(pipe: ContextGenPipeline) -> None:
    given = samples(pipe, 1)
    untold = [replace(sample, prompt="") for sample in given]
    kept, emptied = (_flow(pipe, given, text_drop=share) for share in (0, 1))
    assert kept != emptied
    assert emptied == _flow(pipe, untold, text_drop=0)
    assert kept == _flow(pipe, given, text_drop=1e-9)


def test_draws_are_the_mean_of_as_many_losses(pipe: ContextGenPipeline) -> None:
    given, drawn = samples(pipe), generator()
    objective = Flow(pipe, stage(batch=len(given), text_drop=0.5))
    losses = [objective.loss(objective.ready(given), drawn).value.item() for _ in range(3)]
    assert _flow(pipe, given, text_drop=0.5, draws=3) == pytest.approx(sum(losses) / 3, rel=1e-6)


def test_box_weight_counts_the_tokens_that_a_box_touches(pipe: ContextGenPipeline) -> None:
    (sample,) = samples(pipe, 1)
    side, (left, top, right, bottom) = pipe.card.token_side, Shapes(1).batch(0, 1)[0].instances[0].box
    by_hand = torch.ones(sample.sequence.canvas.height, sample.sequence.canvas.width)
    by_hand[top // side : -(-bottom // side), left // side : -(-right // side)] = 3.0
    assert 1 < by_hand.mean() < 3
    assert torch.equal(encode(pipe, [sample], 2.0).weights, by_hand.view(1, -1))
    assert _flow(pipe, [sample], box_weight=2.0) != _flow(pipe, [sample], box_weight=0.0)


def _flow(pipe: ContextGenPipeline, given: list[Prepared], **changes: float) -> float:
    return _loss(Flow(pipe, stage(**{"text_drop": 0, "batch": len(given), **changes})), given).value.item()


def _loss(objective: Objective, given: list[Prepared]) -> Loss:
    return objective.loss(objective.ready(given), generator())


def _gradients(pipe: ContextGenPipeline, attention: str) -> dict[str, torch.Tensor]:
    given = samples(pipe)
    objective = Flow(pipe, stage(attention=attention, batch=len(given), text_drop=0.5))
    moving = parameters_of(pipe, ("transformer",), None)
    for parameter in moving.values():
        parameter.grad = None
    drawn = generator()
    for start in range(0, len(given), objective.micro_batch_size):
        part = given[start : start + objective.micro_batch_size]
        (objective.loss(objective.ready(part), drawn).value * len(part) / len(given)).backward()
    return {name: p.grad.clone() for name, p in moving.items() if p.grad is not None}
