"""Put a LoRA adapter onto a transformer: fused into its weights, or kept apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel
from safetensors import safe_open

from contextgen.backends.finite import check_numbers, is_finite
from contextgen.backends.flux_kontext.adapters import HALVES, PREFIX, check_adapter
from contextgen.weights.checkpoint_errors import AdapterMismatch, FolderIncomplete
from contextgen.weights.json_files import parse_object
from contextgen.weights.model_folder import adapter_files

_METADATA = "lora_adapter_metadata"


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
        FolderIncomplete: it holds NaN or infinity, or says something else than numbers of its strength.
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
    files = adapter_files(path)
    check_numbers(files)
    for file in files:
        with safe_open(file, "pt") as stream:
            tensors |= {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118  no mapping
            stated = _metadata(file, stream.metadata() or {})
        every = stated.get(f"{PREFIX}lora_alpha", every)
        by_layer.update(stated.get(f"{PREFIX}alpha_pattern") or {})
    updates = {}
    for name in layers:
        down, up = (tensors[f"{PREFIX}{name}.{half}"].to(dtype) for half in HALVES)
        alpha = tensors.get(f"{PREFIX}{name}.alpha", by_layer.get(name, every or len(down)))
        updates[name] = LowRank(down, up, _strength(path, name, alpha))
    return updates


def _metadata(file: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What diffusers says in a file's header of how the adapter was made."""
    try:
        stated = parse_object(metadata.get(_METADATA, "{}"))
        if isinstance(stated.get(f"{PREFIX}alpha_pattern", {}), dict | None):
            return stated
        raise ValueError("alpha_pattern is no mapping")
    except ValueError as problem:
        raise FolderIncomplete(f"{file}: {_METADATA}: {problem}", "Fetch the adapter again.") from problem


def _strength(path: Path, layer: str, alpha: object) -> float:
    try:
        strength = float(alpha)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):  # the latter: a tensor of several numbers
        strength = math.nan
    if not math.isfinite(strength):
        raise FolderIncomplete(f"{path}: the alpha of {layer} is no number: {alpha!r}", "Fetch the adapter again.")
    return strength


@torch.no_grad()
def _fuse(transformer: FluxTransformer2DModel, updates: dict[str, LowRank]) -> None:
    for name, layer in updates.items():
        weight = transformer.get_submodule(name).weight
        update = layer.up.to(weight.device, torch.float32) @ layer.down.to(weight.device, torch.float32)
        weight.copy_(weight.float().add_(update, alpha=layer.scale))
        if not is_finite(weight):
            raise AdapterMismatch(
                f"the adapter's update of {name} goes beyond the numbers of {weight.dtype}",
                "Look at its alpha, or take another adapter.",
            )
