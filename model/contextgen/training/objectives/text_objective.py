"""The text encoders' own objective, for new ones: a caption tells the coarse colours of its picture's background.

Encoders that begin at random otherwise stay unread for long: a transformer finds its layout and references first.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  as everyone writes it

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.training.objectives.objective import Loss
from contextgen.training.preprocessing.latent_encoding import encode_prompts
from contextgen.training.preprocessing.samples import Prepared


class Captioning:
    """The first numbers of the CLIP vector, and of the T5 sequence's mean, are a thumbnail of what no box touches."""

    baseline_loss = 0.0

    def __init__(self, pipe: ContextGenPipeline, batch: int) -> None:
        self.micro_batch_size = batch
        self._pipe = pipe

    def ready(self, samples: Sequence[Prepared]) -> Sequence[Prepared]:
        """As they are."""
        return samples

    def loss(self, ready: Sequence[Prepared], generator: torch.Generator) -> Loss:
        """Mean squared errors of both thumbnails, whose colours are in [-1, 1]."""
        sequence, pooled = encode_prompts(self._pipe, [sample.prompt for sample in ready])
        targets = torch.from_numpy(np.stack([sample.target for sample in ready])).permute(0, 3, 1, 2).to(pooled.device)
        grids = [sample.boxed.reshape(sample.sequence.canvas.height, -1) for sample in ready]
        boxed = torch.from_numpy(np.stack(grids))[:, None].to(targets)
        losses = [_thumbnail_error(vector, targets, boxed) for vector in (pooled, sequence.mean(dim=1))]
        return Loss(losses[0] + losses[1], {"clip": losses[0].item(), "t5": losses[1].item()})


def _thumbnail_error(vector: torch.Tensor, targets: torch.Tensor, boxed: torch.Tensor) -> torch.Tensor:
    side = isqrt(vector.shape[1] // 3)
    thumbnail = F.adaptive_avg_pool2d(targets, side)  # (B, 3, side, side)
    counts = 1 - F.adaptive_max_pool2d(boxed, side)
    errors = (vector[:, : 3 * side**2].float().view_as(thumbnail) - thumbnail).square() * counts
    return errors.sum() / (3 * counts.sum()).clamp(min=1)
