"""One call of the transformer: the velocity of the canvas under what it is given. Shared by rendering and training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from diffusers import FluxTransformer2DModel

from contextgen.backends.flux_kontext.attention.arrangement import Arrangement


@dataclass(frozen=True)
class Conditioning:
    """What the canvas is painted under.

    Attributes:
        arrangement: the sequences as the installed attention lays them out.
        contexts: packed latents of layout and references of each, (L + R_b, C).
        prompt_embeds: T5 sequence, (B, T, D).
        pooled_prompt_embeds: CLIP vector, (B, P).
        guidance: for a guidance-distilled transformer.
    """

    arrangement: Arrangement
    contexts: Sequence[torch.Tensor]
    prompt_embeds: torch.Tensor
    pooled_prompt_embeds: torch.Tensor
    guidance: float


def velocity(
    transformer: FluxTransformer2DModel,
    x_t: torch.Tensor,
    t: torch.Tensor,
    given: Conditioning,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Velocity of the canvas tokens, (B, I, C), in reading order.

    Args:
        x_t: packed latents of the canvas, (B, I, C).
        t: time of each, (B,), 1 is noise.
        weights: parameters by name to compute with in place of the transformer's own.
    """
    text = given.arrangement.text_of(given.prompt_embeds)
    arguments = {
        "hidden_states": given.arrangement.place(x_t, given.contexts),
        "encoder_hidden_states": text,
        "pooled_projections": given.pooled_prompt_embeds,
        "timestep": t,
        "guidance": torch.full_like(t, given.guidance, dtype=torch.float32)
        if transformer.config.guidance_embeds
        else None,
        "img_ids": given.arrangement.img_ids,
        "txt_ids": torch.zeros(text.shape[1], 3, device=x_t.device),
        "joint_attention_kwargs": {"arrangement": given.arrangement},
        "return_dict": False,
    }
    if weights is None:
        output = transformer(**arguments)[0]
    else:
        output = torch.func.functional_call(transformer, dict(weights), (), arguments)[0]
    return given.arrangement.canvas_of(output)
