"""Random small sequences, and a small random transformer to run them through."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import FluxTransformer2DModel

from contextgen.method.sequence import Grid, JointSequence, ReferenceTokens


def random_sequence(seed: int) -> JointSequence:
    """One to eight references of any shape; boxes overlap, touch the edges, shrink to one token."""
    random = np.random.default_rng(seed)
    canvas = Grid(int(random.integers(2, 9)), int(random.integers(2, 9)))
    references = []
    for _ in range(1 + seed % 8):
        foreground = random.random(random.integers(1, 6, size=2)) < random.choice([0.2, 0.6, 1.0])
        foreground.flat[random.integers(foreground.size)] = True
        left, top = (int(random.integers(0, side)) for side in (canvas.width, canvas.height))
        one_token = random.random() < 0.2
        right = left + 1 if one_token else int(random.integers(left + 1, canvas.width + 1))
        bottom = top + 1 if one_token else int(random.integers(top + 1, canvas.height + 1))
        references.append(ReferenceTokens(foreground, (left, top, right, bottom)))
    return JointSequence(int(random.integers(1, 7)), canvas, tuple(references))


def small_transformer(n_double: int, n_single: int, guidance_embeds: bool = True) -> FluxTransformer2DModel:
    torch.manual_seed(1)
    transformer = FluxTransformer2DModel(
        in_channels=8,
        num_layers=n_double,
        num_single_layers=n_single,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=12,
        pooled_projection_dim=10,
        guidance_embeds=guidance_embeds,
        axes_dims_rope=(4, 6, 6),
    ).eval()
    for name, weight in transformer.named_parameters():
        if "norm_q" in name or "norm_k" in name or "norm_added" in name:
            weight.data.mul_(2)  # sharp attention: a wrong key shows
    return transformer


def velocity(
    transformer: FluxTransformer2DModel,
    attention,
    sequence: JointSequence,
    shifted: list[int] | None = None,
    pooled: torch.Tensor | None = None,
    t: torch.Tensor | None = None,
) -> torch.Tensor:
    """The canvas' velocity on random latents, (1, I, C); those of the `shifted` rows of the sequence are others."""
    random, dtype = torch.Generator().manual_seed(2), transformer.dtype
    arrangement = attention.arrange(sequence, torch.device("cpu"))
    context = sum(sequence.lengths[2:])
    canvas_latents = torch.randn(1, sequence.canvas.count, 8, generator=random)
    context_latents = torch.randn(1, context, 8, generator=random)
    if shifted:
        context_latents[:, np.array(shifted) - sequence.spans[1].stop] += 1
    prompt_embeds = arrangement.text_of(torch.randn(1, sequence.text_length, 12, generator=random))
    random_pooled = torch.randn(1, 10, generator=random)
    output = transformer(
        hidden_states=arrangement.place(canvas_latents, context_latents).to(dtype),
        encoder_hidden_states=prompt_embeds.to(dtype),
        pooled_projections=(random_pooled if pooled is None else pooled).to(dtype),
        timestep=(torch.tensor([0.7]) if t is None else t).to(dtype),
        guidance=torch.tensor([3.5]),
        img_ids=arrangement.img_ids,
        txt_ids=torch.zeros(prompt_embeds.shape[1], 3),
        joint_attention_kwargs={"arrangement": arrangement},
        return_dict=False,
    )[0]
    return arrangement.canvas_of(output)
