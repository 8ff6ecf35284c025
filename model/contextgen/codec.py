"""PatchCodec: the embedded model's picture codec. Pixels <-> latents, with AutoencoderKL's interface and files.

Analysis is linear and local: each 8x8 cell of pixels becomes one latent vector, so that a subject shown at the same
offset to the grid has the same latents in a reference, in the layout and in the picture. Synthesis adds convolutions
that see the neighbouring cells and take the edges between them away.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import nn
from torch.nn.functional import silu


class PatchCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Linear analysis of square cells; linear synthesis plus a convolutional correction.

    Args:
        latent_channels: numbers a cell is described by.
        block_out_channels: widths of the correction at full resolution, at half, at a quarter ...; their count gives
            the side of a cell, 2 ** (count - 1) pixels.
        layers_per_block: residual layers at each resolution but the full one.
        scaling_factor, shift_factor: from the codec's latents to those that the transformer sees.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 16,
        block_out_channels: tuple[int, ...] = (12, 32, 64, 128),
        layers_per_block: int = 2,
        scaling_factor: float = 1.0,
        shift_factor: float = 0.0,
    ) -> None:
        super().__init__()
        self.analysis = nn.Conv2d(3, latent_channels, self.side, stride=self.side)
        self.synthesis = nn.ConvTranspose2d(latent_channels, 3, self.side, stride=self.side)
        self.correction = _Correction(latent_channels, block_out_channels[::-1], layers_per_block)

    @property
    def side(self) -> int:
        """Pixels that a cell spans in each direction."""
        return int(2 ** (len(self.config.block_out_channels) - 1))

    @torch.no_grad()
    def fit(self, cells: torch.Tensor) -> None:
        """Begin with principal components: the best linear codec of these cells, its latents of about unit variance.

        Args:
            cells: (N, 3 * side * side), channel, row, column.
        """
        mean = cells.mean(dim=0)
        variances, components = torch.linalg.eigh(torch.cov(cells.T))
        variances = variances.flip(0)[: self.config.latent_channels]
        components = components.flip(1)[:, : self.config.latent_channels]
        gain = variances**-0.25  # half way to equal variances
        gain = gain / (variances * gain**2).mean().sqrt()
        self.analysis.weight.copy_((components * gain).T.reshape(self.analysis.weight.shape))
        self.analysis.bias.copy_(-(mean @ (components * gain)))  # type: ignore[union-attr]
        self.synthesis.weight.copy_((components / gain).T.reshape(self.synthesis.weight.shape))
        self.synthesis.bias.copy_(mean.view(3, -1).mean(dim=1))  # type: ignore[union-attr]

    @apply_forward_hook  # type: ignore[untyped-decorator]  # offloaded, it comes to the device for this too
    def encode(self, x: torch.Tensor, return_dict: bool = True) -> Any:
        """Pixels (B, 3, H, W) in [-1, 1] -> latents (B, C, H / side, W / side)."""
        latents = self.analysis(x)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    @apply_forward_hook  # type: ignore[untyped-decorator]  # offloaded, it comes to the device for this too
    def decode(self, z: torch.Tensor, return_dict: bool = True, generator: None = None) -> Any:
        """Latents (B, C, h, w) -> pixels (B, 3, h * side, w * side), about [-1, 1]."""
        sample = self.synthesis(z) + self.correction(z)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        """Pixels through both halves."""
        pixels: torch.Tensor = self.decode(self.encode(sample).latents).sample
        return pixels


class _Correction(nn.Sequential):
    """Convolutions from the grid of cells to full resolution; starts as nothing."""

    def __init__(self, latent_channels: int, widths: tuple[int, ...], layers: int) -> None:
        stages: list[nn.Module] = [nn.Conv2d(latent_channels, widths[0], 3, padding=1)]
        for width, finer in pairwise(widths):
            stages += [_Residual(width) for _ in range(layers)]
            stages += [nn.Conv2d(width, 4 * finer, 1), nn.PixelShuffle(2)]
        last = nn.Conv2d(widths[-1], 3, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        super().__init__(*stages, nn.SiLU(), last)


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        correction: torch.Tensor = self.second(silu(self.first(silu(hidden))))
        return hidden + correction
