"""LoRA matrices of FLUX by the names of its first release -> by diffusers' names, by diffusers' own converters.

kohya's scripts, ComfyUI, XLabs' trainer and others name layers as it did, where q, k and v are one layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers.loaders import FluxLoraLoaderMixin

from contextgen.backends.flux_kontext.lora_format.lora_keys import NoLora, Pair, flat

Halves = tuple[torch.Tensor, torch.Tensor]  # (r, inputs) and (outputs, r)

_XLABS = ".processor."
_DOWN, _UP = "lora_A.weight", "lora_B.weight"
_FAILURES = (ValueError, RuntimeError, AssertionError, KeyError, IndexError, AttributeError, NotImplementedError)


def convert(halves: Mapping[str, Halves]) -> dict[str, Halves]:
    """The pairs by the names that diffusers has for their layers; a fused layer becomes several.

    Args:
        halves: by layers of the first release, without a tool's prefix or with kohya's; their strength in them.

    Raises:
        NoLora: diffusers does not know such layers, or not of such shapes.
    """
    try:
        converted = FluxLoraLoaderMixin.lora_state_dict(dict(_as_their_tools_write(halves)))
    except _FAILURES as error:
        words = str(error).strip().split("\n")[0] or type(error).__name__
        raise NoLora(f"diffusers cannot convert its layers to this model's: {words}") from error
    layers = [key.removesuffix(f".{_DOWN}") for key in converted if key.endswith(f".{_DOWN}")]
    return {
        layer.removeprefix("transformer."): (converted[f"{layer}.{_DOWN}"], converted[f"{layer}.{_UP}"])
        for layer in layers
    }


def converted_shapes(pairs: Mapping[str, Pair]) -> dict[str, tuple[int, int]]:
    """The layers, with their (outputs, inputs), that `convert` makes of pairs, without their numbers.

    The same converters are asked with matrices of rank 1, so that both say the same.
    """
    stand_ins = {layer: _of_rank_one(*pair.shape) for layer, pair in pairs.items()}
    return {layer: (len(up), down.shape[1]) for layer, (down, up) in convert(stand_ins).items()}


def _of_rank_one(outputs: int, inputs: int) -> Halves:
    return torch.zeros(1, inputs), torch.zeros(outputs, 1)


def _as_their_tools_write(halves: Mapping[str, Halves]) -> dict[str, torch.Tensor]:
    """XLabs' names are its own; all others are spelled as kohya spells them, so that parts of a model will do too."""
    state: dict[str, torch.Tensor] = {}
    for layer, (down, up) in halves.items():
        if _XLABS in layer:
            state |= {f"{layer}.down.weight": down, f"{layer}.up.weight": up}
        else:
            name = f"lora_unet_{flat(layer)}"
            state |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
    return state
