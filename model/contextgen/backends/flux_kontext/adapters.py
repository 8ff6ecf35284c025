"""What a LoRA adapter holds and whether it fits a model, from the files' headers alone. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from contextgen.weights.checkpoint_errors import AdapterMismatch
from contextgen.weights.model_folder import adapter_files, tensors

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
        raise _mismatch(path, f"the adapter does not fit the model, {found} found in it: {_some(missing)}")
    for name, shape in layers.items():
        if shape != model[name]:
            raise _mismatch(path, f"{name} is {model[name]} in the model and {shape} in the adapter")
    return layers


def adapter_layers(path: Path) -> dict[str, tuple[int, int]]:
    """The layers an adapter changes, with their (outputs, inputs).

    Raises:
        AdapterMismatch: the files hold something else than whole pairs of LoRA matrices, or a layer twice.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for file in adapter_files(path):
        held = {name: shape for name, (_, shape) in tensors(file).items()}
        if twice := sorted(set(held) & set(shapes)):
            raise AdapterMismatch(
                f"{path}: several files hold {twice[0]}", "Give one of the files as the adapter, not the folder."
            )
        shapes |= held
    if foreign := sorted(name for name in shapes if not name.startswith(PREFIX)):
        raise _mismatch(path, f"not every key begins with {PREFIX!r}: {_some(foreign)}")
    layers = {}
    for name in {key.partition(".lora_")[0].removeprefix(PREFIX) for key in shapes if ".lora_" in key}:
        down, up = (shapes.pop(f"{PREFIX}{name}.{half}", None) for half in HALVES)
        shapes.pop(f"{PREFIX}{name}.alpha", None)
        if down is None or up is None or len(down) != 2 or len(up) != 2 or down[0] != up[1]:
            raise _mismatch(path, f"{name}: lora_A and lora_B do not belong together")
        layers[name] = up[0], down[1]
    if shapes:
        raise _mismatch(path, f"no LoRA in diffusers' format: {_some(sorted(shapes))}")
    if not layers:
        raise _mismatch(path, "the adapter holds no LoRA layer")
    return layers


def linear_layers(folder: Path) -> dict[str, tuple[int, ...]]:
    """The matrices of a model folder's transformer, by layer name."""
    return {
        name.removesuffix(".weight"): shape
        for file in sorted((folder / "transformer").glob("*.safetensors"))
        for name, (_, shape) in tensors(file).items()
        if name.endswith(".weight") and len(shape) == 2
    }


def _mismatch(path: Path, words: str) -> AdapterMismatch:
    return AdapterMismatch(f"{path}: {words}", _ANOTHER_ADAPTER)


def _some(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
