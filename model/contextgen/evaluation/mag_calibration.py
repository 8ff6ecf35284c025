"""What MagCache must know of a model: by how much its blocks' work on the canvas grows from step to step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch

from contextgen.backends.flux_kontext.attention.arrangement import BlockCall, BlockOutput
from contextgen.backends.flux_kontext.attention.masked_attention import Block, blocks
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.backends.flux_kontext.step_cache import canvas_of
from contextgen.data.objects import objects
from contextgen.data.synthetic_scenes import draw
from contextgen.evaluation.cases import Case
from contextgen.method.method_card import ModelCard

_SIDE, _SEED = 256, 7  # pixels of the scenes as they are drawn


def calibration_case(number: int, card: ModelCard) -> Case:
    """A scene of objects that models are trained on, its boxes scaled to the canvas of a model's card."""
    rng = np.random.default_rng([_SEED, number])
    scene = draw(rng, "plain", (_SIDE, _SIDE), int(rng.integers(1, 5)), objects("train"))
    across, down = card.width / _SIDE, card.height / _SIDE
    instances = []
    for each in scene.instances:
        left, top, right, bottom = each.box
        box = int(left * across), int(top * down), int(right * across), int(bottom * down)
        instances.append(replace(each, box=box))
    return Case(f"scene {number}", (), scene.prompt, tuple(instances), None, (card.width, card.height), number)


def mag_ratios(pipe: ContextGenPipeline, cases: Iterable[Case]) -> list[float]:
    """The ratios for the model's card, one a step of the card's number, the mean of some pictures.

    As in diffusers' calibration: the length of a token's residual over all blocks, over that of the step before; the
    mean of the canvas tokens. The first step has none before it, and gets 1.

    Raises:
        ValueError: there are no cases, or `pipe` leaves out steps itself.
    """
    if pipe.cache_steps is not None:
        raise ValueError("ratios are measured where every step is computed")
    lengths = [_lengths(pipe, case) for case in cases]
    if not lengths:
        raise ValueError("at least one case is needed")
    ratios = torch.stack([(one[1:] / one[:-1]).mean(dim=1) for one in lengths]).mean(dim=0)
    return [1.0, *ratios.tolist()]


def _lengths(pipe: ContextGenPipeline, case: Case) -> torch.Tensor:
    """Of every step and canvas token, the length of what the blocks add to it, (S, I)."""
    before: list[torch.Tensor] = []
    lengths: list[torch.Tensor] = []

    def enters(block: Block, args: tuple[()], call: BlockCall) -> None:
        before.append(canvas_of(call, call["hidden_states"]))

    def leaves(block: Block, args: tuple[()], call: BlockCall, output: BlockOutput) -> None:
        residual = canvas_of(call, output[1]) - before.pop()
        lengths.append(residual.float().norm(dim=-1)[0].cpu())

    first, *_, last = blocks(pipe.transformer)
    hooks = [
        first.register_forward_pre_hook(enters, with_kwargs=True),
        last.register_forward_hook(leaves, with_kwargs=True),
    ]
    try:
        pipe(
            case.prompt,
            instances=case.instances,
            layout=case.layout,
            width=case.size[0],
            height=case.size[1],
            num_inference_steps=pipe.card.steps,
            seed=case.seed,
            output_type="latent",
        )
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(lengths)
