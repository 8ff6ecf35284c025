"""What is minimised: free functions over tensors, in the paper's letters.

x_0 is the picture, x_1 noise, v the velocity from one to the other; all packed latents (B, I, C). t is time, (B,).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  as everyone writes it


def draw_times(count: int, generator: torch.Generator, mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
    """t = sigmoid(N(mean, std)), (B,); the released recipe has mean 0 and deviation 1, most often the middle times."""
    return torch.sigmoid(mean + std * torch.randn(count, generator=generator))


def between(x_0: torch.Tensor, x_1: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """x_t on the straight line from picture to noise."""
    t = t[:, None, None]
    return (1 - t) * x_0 + t * x_1


def velocity_errors(
    v: torch.Tensor, x_0: torch.Tensor, x_1: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean squared error of each sample's velocity, (B,).

    Args:
        weights: of the canvas tokens, (B, I); None weighs them alike.
    """
    errors = (v.float() - (x_1 - x_0)).square().mean(dim=2)  # (B, I)
    if weights is None:
        return errors.mean(dim=1)
    return (errors * weights).sum(dim=1) / weights.sum(dim=1)


def preference_loss(
    l_w: torch.Tensor, l_l: torch.Tensor, lref_w: torch.Tensor, lref_l: torch.Tensor, beta: float
) -> torch.Tensor:
    """Diffusion-DPO of each sample, (B,): the preferred's error must fall faster than the less preferred's.

    Args:
        l_w, l_l: velocity errors of the preferred and the less preferred picture under the model.
        lref_w, lref_l: the same under the frozen model.
    """
    return -F.logsigmoid(-beta / 2 * ((l_w - l_l) - (lref_w - lref_l)))
