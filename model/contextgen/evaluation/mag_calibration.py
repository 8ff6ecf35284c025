"""What MagCache must know of a model: by how much its blocks' work on the canvas grows from step to step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from contextgen.backends.flux_kontext.attention.arrangement import BlockCall, BlockOutput
from contextgen.backends.flux_kontext.attention.masked_attention import Block, blocks
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.backends.flux_kontext.step_cache import canvas_of


def mag_ratios(pipe: ContextGenPipeline, pictures: Iterable[Mapping[str, Any]]) -> list[float]:
    """The ratios for the model's card, one a step, the mean of some pictures.

    As in diffusers' calibration: the length of a token's residual over all blocks, over that of the step before; the
    mean of the canvas tokens. The first step has none before it, and gets 1.

    Args:
        pictures: arguments of `pipe`, without the number of steps, which is the card's.

    Raises:
        ValueError: there are no pictures, or `pipe` leaves out steps itself.
    """
    if pipe.cache_steps is not None:
        raise ValueError("ratios are measured where every step is computed")
    lengths = [_lengths(pipe, arguments) for arguments in pictures]
    if not lengths:
        raise ValueError("at least one picture is needed")
    ratios = torch.stack([(one[1:] / one[:-1]).mean(dim=1) for one in lengths]).mean(dim=0)
    return [1.0, *ratios.tolist()]


def _lengths(pipe: ContextGenPipeline, arguments: Mapping[str, Any]) -> torch.Tensor:
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
        pipe(**arguments, num_inference_steps=pipe.card.steps, output_type="latent")
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(lengths)
