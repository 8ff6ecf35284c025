"""Put a LoRA adapter onto a transformer: fused into its weights, or kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import FluxTransformer2DModel
from safetensors import safe_open

from contextgen.backends.finite import check_numbers, is_finite
from contextgen.backends.flux_kontext.adapters import HALVES, PREFIX, Shapes, adapter_pairs, check_adapter, naming
from contextgen.backends.flux_kontext.lora_format.lora_conversion import convert
from contextgen.backends.flux_kontext.lora_format.lora_keys import is_first_release
from contextgen.backends.flux_kontext.lora_format.lora_strength import read_strength
from contextgen.weights.adapter_folder import adapter_files
from contextgen.weights.checkpoint_errors import AdapterMismatch


@dataclass(frozen=True)
class LowRank:
    """One layer's update: weight += scale * up @ down."""

    down: torch.Tensor  # (r, in)
    up: torch.Tensor  # (out, r)
    scale: float


def apply_adapter(
    transformer: FluxTransformer2DModel,
    path: Path,
    *,
    scale: float = 1.0,
    fuse: bool = True,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Apply the adapter at `path` (a file, or a folder of safetensors) to a transformer, `scale` times.

    Its factors are rounded to `dtype`, as they were published. Fusing adds in float32 and rounds once to the weights'
    dtype. Kept apart, the layers become peft's and an installed peft is needed; all that are kept so count.

    Raises:
        AdapterMismatch: the adapter has keys for layers the transformer lacks, of another shape, or none at all; or it
            is of a kind that is not read.
        FolderIncomplete: it holds NaN or infinity, or says something else than numbers of its strength.
    """
    linear = _linear_layers(transformer)
    check_adapter(path, linear)
    updates = {name: LowRank(each.down, each.up, scale * each.scale) for name, each in _read(path, linear, dtype)}
    if fuse:
        _fuse(transformer, updates)
        return
    state: dict[str, torch.Tensor] = {}
    alphas: dict[str, float] = {}
    for name, update in updates.items():
        down, up = (f"{PREFIX}{name}.{half}" for half in HALVES)
        state |= {down: update.down, up: update.up}
        alphas[f"{PREFIX}{name}.alpha"] = update.scale * len(update.down)
    transformer.load_lora_adapter(state, network_alphas=alphas)
    transformer.set_adapters(list(transformer.peft_config))


def _linear_layers(transformer: FluxTransformer2DModel) -> dict[str, tuple[int, ...]]:
    """By their names in the model; what peft has put around one is no part of its name."""
    return {
        name.removesuffix(".base_layer"): tuple(module.weight.shape)
        for name, module in transformer.named_modules()
        if isinstance(module, torch.nn.Linear) and ".lora_" not in name
    }


def _read(path: Path, model: Shapes, dtype: torch.dtype) -> list[tuple[str, LowRank]]:
    """The update of each of the model's layers that an adapter changes; it has been seen to fit."""
    tensors: dict[str, torch.Tensor] = {}
    files = adapter_files(path)
    check_numbers(files)
    for file in files:
        with safe_open(file, "pt") as stream:
            tensors |= {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118  no mapping
    strength, updates = read_strength(path), {}
    with naming(path):
        for layer, pair in adapter_pairs(path, model).items():
            down, up = (tensors[half].to(dtype) for half in (pair.down, pair.up))
            alpha = None if pair.alpha is None else tensors[pair.alpha]
            updates[layer] = LowRank(down, up, strength.scale(layer, pair.rank, alpha))
        return list((_converted(updates) if is_first_release(updates) else updates).items())


def _converted(updates: Mapping[str, LowRank]) -> dict[str, LowRank]:
    halves = {layer: (each.down.float() * each.scale, each.up.float()) for layer, each in updates.items()}
    return {layer: LowRank(down, up, 1.0) for layer, (down, up) in convert(halves).items()}


@torch.no_grad()
def _fuse(transformer: FluxTransformer2DModel, updates: dict[str, LowRank]) -> None:
    for name, layer in updates.items():
        weight = transformer.get_submodule(name).weight
        update = layer.up.to(weight.device, torch.float32) @ layer.down.to(weight.device, torch.float32)
        weight.copy_(weight.float().add_(update, alpha=layer.scale))
        if not is_finite(weight):
            raise AdapterMismatch(
                f"the adapter's update of {name} goes beyond the numbers of {weight.dtype}",
                "Look at its alpha and its scale, or take another adapter.",
            )
