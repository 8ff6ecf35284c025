"""What a LoRA adapter holds and whether it fits a model, from the files' headers alone. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from contextgen.weights.checkpoint_errors import AdapterMismatch
from contextgen.weights.model_folder import adapter_tensors, stored_tensors
from contextgen.weights.safetensors_files import some

PREFIX = "transformer."  # of every key, in diffusers' format
HALVES = ("lora_A.weight", "lora_B.weight")
_ANOTHER_ADAPTER = (
    "Give the adapter that was trained on this base model, in diffusers' LoRA format, or the base of this one."
)

Shapes = Mapping[str, tuple[int, ...]]  # layer name -> (outputs, inputs)


def check_adapter(path: Path, model: Shapes) -> dict[str, tuple[int, int]]:
    """The layers of an adapter, every one of which fits the linear layers of a model's transformer.

    Raises:
        AdapterMismatch: names the keys.
    """
    layers = adapter_layers(path)
    if missing := sorted(set(layers) - set(model)):
        found = "none" if len(missing) == len(layers) else f"{len(missing)} of {len(layers)} layers not"
        raise _mismatch(path, f"the adapter does not fit the model, {found} found in it: {some(missing)}")
    for name, shape in layers.items():
        if shape != model[name]:
            raise _mismatch(path, f"{name} is {model[name]} in the model and {shape} in the adapter")
    return layers


def adapter_layers(path: Path) -> dict[str, tuple[int, int]]:
    """The layers an adapter changes, with their (outputs, inputs).

    Raises:
        AdapterMismatch: the files hold something else than whole pairs of LoRA matrices, or a layer twice.
    """
    shapes = {name: tensor.shape for name, tensor in adapter_tensors(path).items()}
    if foreign := sorted(name for name in shapes if not name.startswith(PREFIX)):
        raise _mismatch(path, f"not every key begins with {PREFIX!r}: {some(foreign)}")
    layers = {}
    for name in {key.partition(".lora_")[0].removeprefix(PREFIX) for key in shapes if ".lora_" in key}:
        down, up = (shapes.pop(f"{PREFIX}{name}.{half}", None) for half in HALVES)
        shapes.pop(f"{PREFIX}{name}.alpha", None)
        if down is None or up is None or len(down) != 2 or len(up) != 2 or down[0] != up[1]:
            raise _mismatch(path, f"{name}: lora_A and lora_B do not belong together")
        layers[name] = up[0], down[1]
    if shapes:
        raise _mismatch(path, f"no LoRA in diffusers' format: {some(sorted(shapes))}")
    if not layers:
        raise _mismatch(path, "the adapter holds no LoRA layer")
    return layers


def linear_layers(folder: Path) -> dict[str, tuple[int, ...]]:
    """The matrices of a model folder's transformer, by layer name."""
    return {
        name.removesuffix(".weight"): tensor.shape
        for name, tensor in stored_tensors(folder, "transformer").items()
        if name.endswith(".weight") and len(tensor.shape) == 2
    }


def _mismatch(path: Path, words: str) -> AdapterMismatch:
    return AdapterMismatch(f"{path}: {words}", _ANOTHER_ADAPTER)
