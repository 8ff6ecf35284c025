"""The codec's own objective: pictures through both halves, with some noise between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  as everyone writes it

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.codec import PatchCodec
from contextgen.training.objectives.objective import Loss
from contextgen.training.preprocessing.samples import Prepared

_NOISE = 0.15  # the largest deviation, in latents of unit variance: about what a transformer leaves
_SQUARED_WEIGHT, _SCALE_WEIGHT = 4.0, 0.1


class Reconstruction:
    """Absolute and squared errors of the pixels; latents are held at unit variance, which the card's codec promises."""

    baseline_loss = 0.0

    def __init__(self, pipe: ContextGenPipeline, batch: int) -> None:
        if not isinstance(pipe.vae, PatchCodec):
            raise ValueError(f"the objective codec trains a PatchCodec; this model has an {type(pipe.vae).__name__}")
        self.micro_batch_size = batch
        self._codec = pipe.vae

    def ready(self, samples: Sequence[Prepared]) -> torch.Tensor:
        """The targets, (B, 3, H, W)."""
        targets = torch.from_numpy(np.stack([sample.target for sample in samples])).permute(0, 3, 1, 2)
        return targets.to(self._codec.device)

    def loss(self, ready: torch.Tensor, generator: torch.Generator) -> Loss:
        """The mean over pixels; the figure is the error in decibels of a picture's range."""
        latents = self._codec.encode(ready).latents
        deviation = _NOISE * torch.rand(len(latents), 1, 1, 1, generator=generator)
        noise = deviation * torch.randn(latents.shape, generator=generator)
        decoded = self._codec.decode(latents + noise.to(latents)).sample.float()
        wanted = ready.to(decoded)
        squared = F.mse_loss(decoded, wanted)
        scale = (latents.float().square().mean() - 1).square()
        loss = F.l1_loss(decoded, wanted) + _SQUARED_WEIGHT * squared + _SCALE_WEIGHT * scale
        return Loss(loss, {"psnr": -10 * torch.log10(squared.detach() / 4).item()})
