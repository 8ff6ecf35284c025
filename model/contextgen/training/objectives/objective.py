"""What an objective is: the path from prepared samples to a number to descend.

The path has two halves: `ready` computes what the training does not change, so that a GPU can be given it ahead of its
step, in the precision that the weights have; `loss` computes the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from contextgen.training.preprocessing.samples import Prepared


@dataclass(frozen=True)
class Loss:
    """A scalar to descend, and figures worth a line in the metrics."""

    value: torch.Tensor
    figures: dict[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """What a stage descends.

    Attributes:
        micro_batch_size: how many samples it takes in one forward pass.
        baseline_loss: a loss that is no sign of trouble, however small it has been.
    """

    micro_batch_size: int
    baseline_loss: float

    def ready(self, samples: Sequence[Prepared]) -> Any:
        """What `loss` wants of some samples, whatever the trained weights are; its length is their number."""
        ...

    def loss(self, ready: Any, generator: torch.Generator) -> Loss:
        """The mean loss of some samples; all that is random comes from `generator` (a CPU one)."""
        ...
