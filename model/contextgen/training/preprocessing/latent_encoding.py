"""Prepared samples -> tensors: the frozen codec and the text encoders. The main process does this, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.method.layout import Pixels
from contextgen.training.preprocessing.samples import Prepared

_PIXELS_A_CALL = 1 << 22  # of images encoded at once: 64 of 256 px, 7 of 768 px


@dataclass(frozen=True)
class Encoded:
    """Samples of one canvas size as tensors, float32.

    Attributes:
        target, layout: packed latents, (B, I, C).
        context: packed latents of layout and references of each sample, (L + R_b, C).
        weights: of the canvas tokens in the loss, (B, I).
    """

    target: torch.Tensor
    layout: torch.Tensor
    context: tuple[torch.Tensor, ...]
    weights: torch.Tensor


@torch.no_grad()
def encode(pipe: ContextGenPipeline, samples: Sequence[Prepared], box_weight: float) -> Encoded:
    """The latents of targets, layouts and references, like shapes in one call."""
    images = [picture for sample in samples for picture in (sample.target, sample.layout, *sample.references)]
    latents = iter(encode_images(pipe, images))
    targets, layouts, context = [], [], []
    for sample in samples:
        targets.append(next(latents))
        layouts.append(next(latents))
        context.append(torch.cat([layouts[-1], *(next(latents) for _ in sample.references)]))
    boxed = torch.from_numpy(np.stack([sample.boxed for sample in samples])).to(targets[0])
    return Encoded(
        torch.stack(targets),
        torch.stack(layouts),
        tuple(context),
        1 + box_weight * boxed,
    )


def encode_images(pipe: ContextGenPipeline, images: Sequence[Pixels]) -> list[torch.Tensor]:
    """Packed latents (N, C) of every image, in order."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(index)
    latents: dict[int, torch.Tensor] = {}
    for shape, indices in by_shape.items():
        limit = max(1, _PIXELS_A_CALL // (shape[0] * shape[1]))
        for start in range(0, len(indices), limit):
            chosen = indices[start : start + limit]
            stacked = torch.from_numpy(np.stack([images[index] for index in chosen])).permute(0, 3, 1, 2)
            encoded = pipe.encode_pixels(stacked.to(pipe.vae.device, pipe.vae.dtype)).float()
            latents.update(zip(chosen, encoded, strict=True))
    return [latents[index] for index in range(len(images))]


def encode_prompts(pipe: ContextGenPipeline, prompts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """T5 sequences (B, T, D) and CLIP vectors (B, P) of captions in the model's template."""
    card = pipe.card
    instructions = [card.instruction(prompt) for prompt in prompts]
    embeds: tuple[torch.Tensor, torch.Tensor] = pipe.encode_prompt(
        instructions, device=pipe.transformer.device, max_sequence_length=card.text_length
    )[:2]
    return embeds
