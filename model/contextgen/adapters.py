"""Put a LoRA adapter onto a transformer: fused into its weights, or kept apart (paper section 4, released weights)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import FluxTransformer2DModel
from safetensors import safe_open

from contextgen.checkpoints import AdapterMismatch, adapter_files

_PREFIX = "transformer."


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
    fuse: bool = True,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Apply the adapter at `path` (a file, or a folder of safetensors) to a transformer.

    Its factors are rounded to `dtype`, as they were published. Fusing adds in float32 and rounds once to the weights'
    dtype. Kept apart, the layers become peft's and an installed peft is needed.

    Raises:
        AdapterMismatch: the adapter has keys for layers the transformer lacks, of another shape, or none at all.
    """
    tensors, alphas = _read(adapter_files(path))
    layers = _pair({key: tensor.to(dtype) for key, tensor in tensors.items()}, alphas, path)
    _check(transformer, layers, path)
    if fuse:
        _fuse(transformer, layers)
    else:
        state = {f"{_PREFIX}{name}.lora_A.weight": layer.down for name, layer in layers.items()}
        state |= {f"{_PREFIX}{name}.lora_B.weight": layer.up for name, layer in layers.items()}
        alphas = {f"{_PREFIX}{name}.alpha": layer.scale * len(layer.down) for name, layer in layers.items()}
        transformer.load_lora_adapter(state, network_alphas=alphas)


def _read(files: Iterable[Path]) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """The tensors of all files, and the alphas that the files' metadata states by layer ('' for every layer)."""
    tensors: dict[str, torch.Tensor] = {}
    alphas: dict[str, float] = {}
    for file in files:
        with safe_open(file, "pt") as stream:
            for key in stream.keys():  # noqa: SIM118  safe_open is no mapping
                if key in tensors:
                    raise AdapterMismatch(
                        f"{file.parent}: several files hold {key}",
                        "Give one of the files as the adapter, not the folder.",
                    )
                tensors[key] = stream.get_tensor(key)
            stated = json.loads((stream.metadata() or {}).get("lora_adapter_metadata", "{}"))
        if "transformer.lora_alpha" in stated:
            alphas[""] = float(stated["transformer.lora_alpha"])
        alphas.update(stated.get("transformer.alpha_pattern") or {})
    return tensors, alphas


def _pair(tensors: dict[str, torch.Tensor], alphas: dict[str, float], path: Path) -> dict[str, LowRank]:
    """Layer name -> its update; alpha is the rank where nothing states it."""
    layers = {}
    names = {key.removeprefix(_PREFIX).partition(".lora_A.")[0] for key in tensors if ".lora_A." in key}
    for name in sorted(names):
        down, up = (tensors.get(f"{_PREFIX}{name}.lora_{half}.weight") for half in "AB")
        if down is None or up is None or down.shape[0] != up.shape[1]:
            raise AdapterMismatch(f"{path}: {name}: lora_A and lora_B do not belong together", _ANOTHER_ADAPTER)
        stated = tensors.get(f"{_PREFIX}{name}.alpha")
        alpha = float(stated) if stated is not None else alphas.get(name, alphas.get("", len(down)))
        layers[name] = LowRank(down, up, alpha / len(down))
    used = {f"{_PREFIX}{name}.{part}" for name in layers for part in ("lora_A.weight", "lora_B.weight", "alpha")}
    if strange := sorted(set(tensors) - used):
        raise AdapterMismatch(f"{path}: no LoRA in diffusers' format: {_some(strange)}", _ANOTHER_ADAPTER)
    return layers


def _check(transformer: FluxTransformer2DModel, layers: dict[str, LowRank], path: Path) -> None:
    shapes = {
        name: tuple(module.weight.shape)
        for name, module in transformer.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    if not layers:
        raise AdapterMismatch(f"{path}: the adapter holds no LoRA layer", _ANOTHER_ADAPTER)
    if missing := sorted(set(layers) - set(shapes)):
        every = "none" if len(missing) == len(layers) else f"{len(missing)} of {len(layers)} layers not"
        raise AdapterMismatch(
            f"{path}: the adapter does not fit the model, {every} found in it: {_some(missing)}",
            _ANOTHER_ADAPTER,
        )
    for name, layer in layers.items():
        shape = layer.up.shape[0], layer.down.shape[1]
        if shape != shapes[name]:
            raise AdapterMismatch(
                f"{path}: {name} is {shapes[name]} in the model and {shape} in the adapter", _ANOTHER_ADAPTER
            )


_ANOTHER_ADAPTER = "Give the adapter that was trained on this base model, in diffusers' LoRA format."


def _some(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@torch.no_grad()
def _fuse(transformer: FluxTransformer2DModel, layers: dict[str, LowRank]) -> None:
    for name, layer in layers.items():
        weight = transformer.get_submodule(name).weight
        update = layer.up.to(weight.device, torch.float32) @ layer.down.to(weight.device, torch.float32)
        weight.copy_(weight.float().add_(update, alpha=layer.scale))
