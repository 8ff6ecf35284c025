"""How weights move: the optimizers, the rate's course, and the average of the weights."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch

from contextgen.training.config import Optimizer

Parameters = Mapping[str, torch.nn.Parameter]
_RATES = {"adamw": 1e-4, "prodigy": 1.0}


def make_optimizer(settings: Optimizer, parameters: Parameters) -> torch.optim.Optimizer:
    """AdamW, or Prodigy as released (bias correction, safeguard warm-up).

    Raises:
        ImportError: Prodigy is asked for and the package `prodigyopt` is missing.
    """
    rate = _RATES[settings.name] if settings.learning_rate is None else settings.learning_rate
    shared: dict[str, Any] = {"lr": rate, "weight_decay": settings.weight_decay}
    if settings.betas is not None:
        shared["betas"] = settings.betas
    if settings.name == "adamw":
        return torch.optim.AdamW(list(parameters.values()), fused=True, **shared)
    from prodigyopt import Prodigy

    with redirect_stdout(io.StringIO()):  # where it says what it does, among a program's data
        optimizer: torch.optim.Optimizer = Prodigy(
            list(parameters.values()), use_bias_correction=True, safeguard_warmup=True, **shared
        )
    return optimizer


def rate_share(settings: Optimizer, step: int, steps: int) -> float:
    """The share of the full rate at a step (from 0): a linear rise, then half a cosine down to `final_rate`."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, steps - settings.warmup)
    return settings.final_rate + (1 - settings.final_rate) * (1 + math.cos(math.pi * min(1.0, done))) / 2


class WeightAverage:
    """An exponential average of the weights, younger at first so that the beginning is soon forgotten."""

    def __init__(self, decay: float, parameters: Parameters) -> None:
        self._decay = decay
        self._parameters: list[torch.Tensor] = list(parameters.values())
        self.averages = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step (from 0)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.averages.values()), [p.detach() for p in self._parameters], 1 - decay)

    @torch.no_grad()
    def restore(self, averages: Mapping[str, torch.Tensor]) -> None:
        """Take over the averages of a checkpoint."""
        for name, average in self.averages.items():
            average.copy_(averages[name])

    @torch.no_grad()
    def adopt(self) -> None:
        """Put the average in the weights' place for good."""
        torch._foreach_copy_(self._parameters, list(self.averages.values()))

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Put the average in the weights' place for a while."""
        kept = [parameter.detach().clone() for parameter in self._parameters]
        self.adopt()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._parameters, kept)
