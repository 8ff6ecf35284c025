"""Put a LoRA adapter onto a transformer: fused into its weights, or kept apart."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import FluxTransformer2DModel
from safetensors import safe_open

from contextgen.backends.flux_kontext.adapters import HALVES, PREFIX, check_adapter
from contextgen.weights.model_folder import adapter_files


@dataclass(frozen=True)
class LowRank:
    """One layer's update: weight += scale * up @ down."""

    down: torch.Tensor  # (r, in)
    up: torch.Tensor  # (out, r)
    alpha: float

    @property
    def scale(self) -> float:
        return self.alpha / len(self.down)


def apply_adapter(
    transformer: FluxTransformer2DModel,
    path: Path,
    *,
    fuse: bool = True,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Apply the adapter at `path` (a file, or a folder of safetensors) to a transformer.

    Its factors are rounded to `dtype`, as they were published. Fusing adds in float32 and rounds once to the weights'
    dtype. Kept apart, the layers become peft's and an installed peft is needed.

    Raises:
        AdapterMismatch: the adapter has keys for layers the transformer lacks, of another shape, or none at all.
    """
    linear = {
        name: tuple(module.weight.shape)
        for name, module in transformer.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    updates = _read(path, check_adapter(path, linear), dtype)
    if fuse:
        _fuse(transformer, updates)
        return
    state: dict[str, torch.Tensor] = {}
    alphas: dict[str, float] = {}
    for name, update in updates.items():
        down, up = (f"{PREFIX}{name}.{half}" for half in HALVES)
        state |= {down: update.down, up: update.up}
        alphas[f"{PREFIX}{name}.alpha"] = update.alpha
    transformer.load_lora_adapter(state, network_alphas=alphas)


def _read(path: Path, layers: Iterable[str], dtype: torch.dtype) -> dict[str, LowRank]:
    """Layer name -> its update; alpha is the rank where neither a tensor nor diffusers' metadata states it."""
    tensors: dict[str, torch.Tensor] = {}
    every: float | None = None
    by_layer: dict[str, float] = {}
    for file in adapter_files(path):
        with safe_open(file, "pt") as stream:
            tensors |= {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118  no mapping
            stated = json.loads((stream.metadata() or {}).get("lora_adapter_metadata", "{}"))
        every = stated.get(f"{PREFIX}lora_alpha", every)
        by_layer.update(stated.get(f"{PREFIX}alpha_pattern") or {})
    updates = {}
    for name in layers:
        down, up = (tensors[f"{PREFIX}{name}.{half}"].to(dtype) for half in HALVES)
        alpha = tensors.get(f"{PREFIX}{name}.alpha", by_layer.get(name, every or len(down)))
        updates[name] = LowRank(down, up, float(alpha))
    return updates


@torch.no_grad()
def _fuse(transformer: FluxTransformer2DModel, updates: dict[str, LowRank]) -> None:
    for name, layer in updates.items():
        weight = transformer.get_submodule(name).weight
        update = layer.up.to(weight.device, torch.float32) @ layer.down.to(weight.device, torch.float32)
        weight.copy_(weight.float().add_(update, alpha=layer.scale))
