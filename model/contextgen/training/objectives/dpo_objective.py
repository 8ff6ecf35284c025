"""Diffusion-DPO: the target is preferred to the layout image, measured against the model as it was."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.training.config import Dpo
from contextgen.training.objectives.flow_objective import Denoiser, Ready
from contextgen.training.objectives.formulas import preference_loss
from contextgen.training.objectives.objective import Loss


class Preference(Denoiser):
    """The text encoders stand still, so that both models are told the same."""

    baseline_loss = math.log(2)  # what the frozen model itself has

    def __init__(self, pipe: ContextGenPipeline, settings: Dpo, batch: int, frozen: Mapping[str, torch.Tensor]) -> None:
        super().__init__(pipe, settings, batch)
        self._beta, self._frozen = settings.beta, frozen

    def loss(self, ready: Ready, generator: torch.Generator) -> Loss:
        """The preference of the target, with the same noise and time for both pictures."""
        encoded = ready.encoded
        drawn = self.draw(encoded.target, generator)
        given = self.conditioning(ready, drawn)
        pictures = (encoded.target, encoded.layout)
        with torch.no_grad():
            lref_w, lref_l = (self.errors(x_0, drawn, given, encoded.weights, self._frozen) for x_0 in pictures)
        l_w, l_l = (self.errors(x_0, drawn, given, encoded.weights) for x_0 in pictures)
        losses = preference_loss(l_w, l_l, lref_w, lref_l, self._beta)
        preferred = (l_w - lref_w < l_l - lref_l).float().mean().item()
        return Loss(losses.mean(), {"preferred": preferred, "target_error": l_w.mean().item()})
