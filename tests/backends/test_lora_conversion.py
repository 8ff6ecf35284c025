"""Names of FLUX's first release become diffusers' own, by diffusers' converters; of its width they must be."""

from __future__ import annotations

from pathlib import Path

import loras
import pytest
import torch
from safetensors.torch import save_file

from contextgen.backends.flux_kontext.adapters import check_adapter
from contextgen.backends.flux_kontext.lora_format.lora_conversion import convert, converted_shapes
from contextgen.backends.flux_kontext.lora_format.lora_keys import is_first_release, read_pairs
from contextgen.weights.checkpoint_errors import AdapterMismatch

WIDTH, RANK = 3072, 2  # of FLUX.1, which the converters state
OF_ALL = {  # the first release's layer: (its outputs, inputs, the layers that diffusers makes of it)
    "double_blocks.0.img_attn.qkv": (3 * WIDTH, WIDTH, [f"transformer_blocks.0.attn.to_{each}" for each in "qkv"]),
    "double_blocks.0.img_mlp.2": (WIDTH, 4 * WIDTH, ["transformer_blocks.0.ff.net.2"]),
    "single_blocks.1.linear1": (
        7 * WIDTH,
        WIDTH,
        [*(f"single_transformer_blocks.1.attn.to_{each}" for each in "qkv"), "single_transformer_blocks.1.proj_mlp"],
    ),
    "single_blocks.1.modulation.lin": (3 * WIDTH, WIDTH, ["single_transformer_blocks.1.norm.linear"]),
    "img_in": (WIDTH, 64, ["x_embedder"]),
    "final_layer.linear": (64, WIDTH, ["proj_out"]),
}
XLABS = {
    "double_blocks.0.processor.qkv_lora1": OF_ALL["double_blocks.0.img_attn.qkv"],
    "double_blocks.0.processor.proj_lora1": (WIDTH, WIDTH, ["transformer_blocks.0.attn.to_out.0"]),
    "single_blocks.1.processor.qkv_lora": (
        3 * WIDTH,
        WIDTH,
        [f"single_transformer_blocks.1.attn.to_{each}" for each in "qkv"],
    ),
}
KOHYA = {f"lora_unet_{layer.replace('.', '_')}": shapes for layer, shapes in OF_ALL.items()}
NAMED = {
    "kohya": ({layer: (f"{layer}.lora_down.weight", f"{layer}.lora_up.weight") for layer in KOHYA}, KOHYA),
    "ComfyUI": (
        {
            layer: (f"diffusion_model.{layer}.lora_down.weight", f"diffusion_model.{layer}.lora_up.weight")
            for layer in OF_ALL
        },
        OF_ALL,
    ),
    "peft on the first release": (
        {
            layer: (f"base_model.model.{layer}.lora_A.weight", f"base_model.model.{layer}.lora_B.weight")
            for layer in OF_ALL
        },
        OF_ALL,
    ),
    "XLabs": ({layer: (f"{layer}.down.weight", f"{layer}.up.weight") for layer in XLABS}, XLABS),
}


@pytest.mark.parametrize(("keys", "layers"), NAMED.values(), ids=NAMED)
def test_layers_are_converted_and_the_check_of_headers_says_the_same(keys: dict, layers: dict) -> None:
    generator = torch.Generator().manual_seed(3)
    numbers = {
        layer: (torch.randn(RANK, inputs, generator=generator), torch.randn(outputs, RANK, generator=generator))
        for layer, (outputs, inputs, _) in layers.items()
    }
    shapes = {key: tuple(half.shape) for layer in layers for key, half in zip(keys[layer], numbers[layer], strict=True)}
    pairs = read_pairs(shapes)
    assert is_first_release(pairs)
    by_name = dict(zip(pairs, numbers.values(), strict=True))
    converted = convert(by_name)
    assert {layer: (len(up), down.shape[1]) for layer, (down, up) in converted.items()} == converted_shapes(pairs)
    for (down, up), (_, _, parts) in zip(numbers.values(), layers.values(), strict=True):
        made = torch.cat([converted[part][1] @ converted[part][0] for part in parts])
        assert torch.allclose(made, up @ down, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("double_blocks.0.processor.qkv_lora1.{}.weight", "diffusers cannot convert its layers"),
        ("lora_unet_double_blocks_0_img_mlp_2.lora_{}.weight", "does not fit the model, none found in it"),
        ("lora_unet_single_blocks_0_linear1.lora_{}.weight", "diffusers cannot convert its layers"),
        ("lora_unet_double_blocks_0_unheard_of.lora_{}.weight", "diffusers cannot convert its layers"),
    ],
)
def test_layers_of_another_width_are_refused_with_words(tmp_path: Path, key: str, words: str) -> None:
    save_file({key.format("down"): torch.ones(2, 4), key.format("up"): torch.ones(4, 2)}, tmp_path / "a.safetensors")
    model = {name: tuple(weight.shape) for name, weight in loras.weights(loras.transformer()).items()}
    with pytest.raises(AdapterMismatch, match=words):
        check_adapter(tmp_path / "a.safetensors", model)
