"""LoRA adapters as other tools write them, made for the tiny model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import FluxTransformer2DModel
from golden_cases import TINY
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

RANK = 4
LAYERS = ("x_embedder", "transformer_blocks.0.attn.to_q", "single_transformer_blocks.1.proj_mlp")
Tensors = dict[str, torch.Tensor]
Rename = Callable[[str, str], str]  # layer, "A" or "B" -> key


def transformer() -> FluxTransformer2DModel:
    return FluxTransformer2DModel.from_pretrained(TINY / "transformer", dtype=torch.float32)


def weights(model: torch.nn.Module) -> Tensors:
    """Of the layers that the adapters of here change."""
    return {name: model.get_submodule(name).weight.detach().clone() for name in LAYERS}


def matrices(*, zero: bool = False) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Layer -> its two matrices."""
    generator = torch.Generator().manual_seed(7)
    found = {}
    for name, weight in weights(transformer()).items():
        down, up = torch.randn(RANK, weight.shape[1], generator=generator), torch.zeros(len(weight), RANK)
        found[name] = down, up if zero else torch.randn(up.shape, generator=generator)
    return found


def named(rename: Rename, *, zero: bool = False) -> Tensors:
    """The matrices by the keys of another tool."""
    layers = matrices(zero=zero).items()
    return {rename(layer, half): each for layer, pair in layers for half, each in zip("AB", pair, strict=True)}


def written(path: Path, rename: Rename, extra: Tensors | None = None) -> Path:
    """A file whose keys another tool has named."""
    save_file({**named(rename), **(extra or {})}, path)
    return path


def of_peft(folder: Path, **settings: object) -> Tensors:
    """What `save_pretrained` of peft leaves in a folder, and the weights that peft makes of it."""
    torch.manual_seed(7)
    config = LoraConfig(target_modules=[*LAYERS], init_lora_weights=False, **settings)
    model = get_peft_model(transformer(), config)
    model.save_pretrained(folder)
    return weights(model.merge_and_unload())
