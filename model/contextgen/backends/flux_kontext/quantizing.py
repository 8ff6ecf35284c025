"""A transformer's matrices in fewer bits, by torchao (fp8, int8) or bitsandbytes (nf4). Not exact.

Done in place after an adapter was fused: fused into quantized weights, it would be lost in their rounding.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import torch
from diffusers import FluxTransformer2DModel

from contextgen.backends.flux_kontext.attention.masked_attention import blocks
from contextgen.backends.flux_kontext.flux_numerics import QUANTIZATIONS
from contextgen.backends.unsupported import Unsupported

_PACKAGES = {"fp8": "torchao", "int8": "torchao", "nf4": "bitsandbytes"}
_FP8_CAPABILITY = (8, 9)  # Ada and Hopper are the first with matrix units for it


def check_quantization(name: str, device: torch.device) -> None:
    """
    Raises:
        ValueError: no such quantization.
        Unsupported: its package is missing, or the device cannot compute with it.
    """
    if name not in QUANTIZATIONS:
        raise ValueError(f"a quantization is one of {', '.join(QUANTIZATIONS)}: {name!r}")
    package = _PACKAGES[name]
    if importlib.util.find_spec(package) is None:
        raise Unsupported(f"{name} needs the package {package}", "Install it: pip install 'contextgen[quant]'.")
    if name == "fp8" and (device.type != "cuda" or torch.cuda.get_device_capability(device) < _FP8_CAPABILITY):
        raise Unsupported(f"{device} has no matrix units for fp8", "Try int8 or nf4, which any device computes with.")


def quantize(transformer: FluxTransformer2DModel, name: str) -> None:
    """Round the matrices of all blocks but those of adaLN, which `modulation` reads once a prompt."""
    if name == "nf4":
        _to_nf4(transformer)
        return
    from torchao import quantization

    config = (
        quantization.Int8WeightOnlyConfig()
        if name == "int8"
        else quantization.Float8DynamicActivationFloat8WeightConfig(granularity=quantization.PerRow())
    )
    chosen = {layer for _, _, layer in _matrices(transformer)}
    quantization.quantize_(transformer, config, filter_fn=lambda module, _: module in chosen)


def _matrices(transformer: FluxTransformer2DModel) -> Iterator[tuple[torch.nn.Module, str, torch.nn.Linear]]:
    """Owner, attribute and layer of every linear layer of the blocks, without those of adaLN."""
    for block in blocks(transformer):
        for owner in list(block.modules()):
            for name, layer in list(owner.named_children()):
                if isinstance(layer, torch.nn.Linear) and name != "linear":
                    yield owner, name, layer


def _to_nf4(transformer: FluxTransformer2DModel) -> None:
    from bitsandbytes.nn import Linear4bit

    for owner, name, layer in _matrices(transformer):
        packed = Linear4bit(
            layer.in_features,
            layer.out_features,
            bias=layer.bias is not None,
            compute_dtype=layer.weight.dtype,
            quant_type="nf4",
        )
        packed.load_state_dict(layer.state_dict())
        setattr(owner, name, packed.to(dtype=layer.weight.dtype).to(layer.weight.device))  # moving packs it
