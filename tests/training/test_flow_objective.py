"""Flow matching on the tiny real model: what each setting does; the two attentions give one gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from shapes import TINY, Shapes, loss_of, prepared

from contextgen import ContextGenPipeline
from contextgen.training.config import Flow
from contextgen.training.model_loading import freeze, parameters_of
from contextgen.training.objectives.flow_objective import FlowMatching
from contextgen.training.preprocessing.latent_encoding import encode
from contextgen.training.preprocessing.samples import Prepared


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)
    freeze(pipe, parameters_of(pipe, ("transformer",), None).values())
    return pipe


def test_a_stage_says_which_times_are_trained(pipe: ContextGenPipeline) -> None:
    given = prepared(pipe, 2)
    noise_only = {"logit_mean": 5.0, "logit_std": 1e-6}
    assert flow_loss(pipe, given, **noise_only) != flow_loss(pipe, given)
    assert flow_loss(pipe, given, **noise_only) == flow_loss(pipe, given, **noise_only | {"logit_std": 2e-6})


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
    given = prepared(pipe, 1)
    untold = [replace(sample, prompt="") for sample in given]
    kept, emptied = (flow_loss(pipe, given, text_drop=share) for share in (0, 1))
    assert kept != emptied
    assert emptied == flow_loss(pipe, untold, text_drop=0)
    assert kept == flow_loss(pipe, given, text_drop=1e-9)


def test_a_caption_that_is_needed_is_never_emptied(pipe: ContextGenPipeline) -> None:
    """All else that is random stays what it was."""
    given = prepared(pipe, 1)
    needed = [replace(sample, needs_prompt=True) for sample in given]
    assert flow_loss(pipe, needed, text_drop=1) == flow_loss(pipe, given, text_drop=0)


def test_draws_are_the_mean_of_as_many_losses(pipe: ContextGenPipeline) -> None:
    given, drawn = prepared(pipe), torch.Generator().manual_seed(5)
    objective = FlowMatching(pipe, Flow(text_drop=0.5), len(given))
    losses = [objective.loss(objective.ready(given), drawn).value.item() for _ in range(3)]
    assert flow_loss(pipe, given, text_drop=0.5, draws=3) == pytest.approx(sum(losses) / 3, rel=1e-6)


def test_box_weight_counts_the_tokens_that_a_box_touches(pipe: ContextGenPipeline) -> None:
    (sample,) = prepared(pipe, 1)
    side, (left, top, right, bottom) = pipe.card.token_side, Shapes(1).batch(0, 1)[0].instances[0].box
    by_hand = torch.ones(sample.sequence.canvas.height, sample.sequence.canvas.width)
    by_hand[top // side : -(-bottom // side), left // side : -(-right // side)] = 3.0
    assert 1 < by_hand.mean() < 3
    assert torch.equal(encode(pipe, [sample], 2.0).weights, by_hand.view(1, -1))
    assert flow_loss(pipe, [sample], box_weight=2.0) != flow_loss(pipe, [sample], box_weight=0.0)


def _gradients(pipe: ContextGenPipeline, attention: str) -> dict[str, torch.Tensor]:
    given = prepared(pipe)
    objective = FlowMatching(pipe, Flow(attention=attention, text_drop=0.5), len(given))
    moving = parameters_of(pipe, ("transformer",), None)
    for parameter in moving.values():
        parameter.grad = None
    drawn = torch.Generator().manual_seed(5)
    for start in range(0, len(given), objective.micro_batch_size):
        part = given[start : start + objective.micro_batch_size]
        (objective.loss(objective.ready(part), drawn).value * len(part) / len(given)).backward()
    return {name: p.grad.clone() for name, p in moving.items() if p.grad is not None}


def flow_loss(pipe: ContextGenPipeline, given: list[Prepared], **settings: Any) -> float:
    objective = FlowMatching(pipe, Flow(**{"text_drop": 0, **settings}), len(given))
    return loss_of(objective, given).value.item()
