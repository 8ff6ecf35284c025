"""Whatever a tool calls the layers, they are found; what is no LoRA of the transformer is refused by its kind."""

from __future__ import annotations

from pathlib import Path

import loras
import pytest
import torch
from safetensors.torch import save_file

from contextgen.backends.flux_kontext.adapters import check_adapter, fit
from contextgen.backends.flux_kontext.lora import apply_adapter
from contextgen.backends.flux_kontext.lora_format.lora_keys import NoLora, read_pairs
from contextgen.weights.checkpoint_errors import AdapterMismatch

MODEL = {
    name: tuple(module.weight.shape)
    for name, module in loras.transformer().named_modules()
    if isinstance(module, torch.nn.Linear)
}


def down_up(half: str) -> str:
    return {"A": "down", "B": "up"}[half]


def flat(layer: str) -> str:
    return layer.replace(".", "_")


NAMED = {
    "diffusers": lambda layer, half: f"transformer.{layer}.lora_{half}.weight",
    "diffusers, of the model alone": lambda layer, half: f"{layer}.lora_{half}.weight",
    "diffusers, with up and down": lambda layer, half: f"transformer.{layer}.lora.{down_up(half)}.weight",
    "ai-toolkit": lambda layer, half: f"diffusion_model.{layer}.lora_{half}.weight",
    "peft": lambda layer, half: f"base_model.model.{layer}.lora_{half}.weight",
    "peft, of a pipeline's part": lambda layer, half: f"base_model.model.transformer.{layer}.lora_{half}.weight",
    "peft's own state, named": lambda layer, half: f"transformer.{layer}.lora_{half}.default.weight",
    "kohya's spelling": lambda layer, half: f"lora_unet_{flat(layer)}.lora_{down_up(half)}.weight",
    "OneTrainer": lambda layer, half: f"lora_transformer_{flat(layer)}.lora_{down_up(half)}.weight",
    "LyCORIS' LoCon": lambda layer, half: f"lycoris_{flat(layer)}.lora_{down_up(half)}.weight",
    "SimpleTuner": lambda layer, half: f"transformer.{layer}.lora_{down_up(half)}.weight",
}


@pytest.mark.parametrize("name", NAMED.values(), ids=NAMED)
def test_every_tool_s_names_give_the_same_weights(tmp_path: Path, name: loras.Rename) -> None:
    ours, theirs = loras.transformer(), loras.transformer()
    apply_adapter(ours, loras.written(tmp_path / "a.safetensors", name), dtype=torch.float32)
    for layer, (down, up) in loras.matrices().items():
        theirs.get_submodule(layer).weight.data += up @ down
    for layer, weight in loras.weights(theirs).items():
        assert torch.allclose(ours.get_submodule(layer).weight, weight, atol=1e-5)


def test_an_alpha_beside_kohya_s_names_counts(tmp_path: Path) -> None:
    layer = loras.LAYERS[1]
    alpha = {f"lora_unet_{flat(layer)}.alpha": torch.tensor(loras.RANK * 3.0)}
    model, before = loras.transformer(), loras.weights(loras.transformer())
    apply_adapter(
        model, loras.written(tmp_path / "a.safetensors", NAMED["kohya's spelling"], alpha), dtype=torch.float32
    )
    down, up = loras.matrices()[layer]
    assert torch.allclose(model.get_submodule(layer).weight - before[layer], 3 * up @ down, atol=1e-4)


def test_how_much_it_changes_is_said_and_whether_anything(tmp_path: Path) -> None:
    found = fit(loras.written(tmp_path / "a.safetensors", NAMED["peft"]), MODEL)
    assert (found.changed, found.layers, found.is_zero, found.changes_method) == (3, len(MODEL), False, False)
    zeros = loras.named(NAMED["peft"], zero=True)
    save_file(zeros, tmp_path / "z.safetensors")
    assert fit(tmp_path / "z.safetensors", MODEL).is_zero
    zeros[NAMED["peft"](loras.LAYERS[-1], "B")][-1, -1] = 1e-30
    save_file({name: each.bfloat16() for name, each in zeros.items()}, tmp_path / "z.safetensors")
    assert not fit(tmp_path / "z.safetensors", MODEL).is_zero


FOREIGN = {
    "DoRA": ("lora_unet_x.dora_scale", "it holds DoRA"),
    "DoRA of peft": ("transformer.x_embedder.lora_magnitude_vector", "it holds DoRA"),
    "LoHa": ("lycoris_x_embedder.hada_w1_a", "it holds LoHa"),
    "LoKr": ("lycoris_x_embedder.lokr_w1", "it holds LoKr"),
    "OFT": ("transformer.x_embedder.oft_blocks", "it holds OFT"),
    "VeRA": ("base_model.model.x_embedder.vera_lambda_b", "it holds VeRA"),
    "IA3": ("base_model.model.x_embedder.ia3_l", r"it holds \(IA\)3"),
    "Tucker": ("lora_unet_x_embedder.lora_mid.weight", "it holds LoCon with a core"),
    "a whole layer": ("base_model.model.proj_out.modules_to_save.weight", "it holds whole layers"),
    "a difference": ("lora_unet_x_embedder.diff", "it holds whole differences of weights"),
    "a bias": ("transformer.x_embedder.lora_B.bias", "it holds biases"),
    "a difference of a bias": ("lora_unet_x_embedder.diff_b", "it holds biases"),
    "new words": ("bundle_emb.face.string_to_param", "it holds new words"),
    "kohya's text encoder": ("lora_te1_text_model_x.lora_up.weight", "it changes a text encoder too"),
    "ComfyUI's text encoder": ("text_encoders.clip_l.transformer.x.lora_up.weight", "it changes a text encoder too"),
    "diffusers' text encoder": ("text_encoder.text_model.x.lora_A.weight", "it changes a text encoder too"),
    "anything else": ("transformer.x_embedder.weight", "no LoRA in diffusers' format"),
    "Control LoRA": ("transformer.transformer_blocks.0.attn.norm_q.weight", "no LoRA in diffusers' format"),
}


@pytest.mark.parametrize(("key", "words"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_lora_of_the_transformer_is_refused_by_its_kind(tmp_path: Path, key: str, words: str) -> None:
    path = loras.written(tmp_path / "a.safetensors", NAMED["diffusers"], {key: torch.ones(4)})
    with pytest.raises(AdapterMismatch, match=words) as refused:
        check_adapter(path, MODEL)
    assert key in str(refused.value) and refused.value.hint


def test_a_layer_that_is_changed_twice_is_refused(tmp_path: Path) -> None:
    twice = {NAMED["peft"](loras.LAYERS[0], half): torch.ones(4, 4) for half in "AB"}
    with pytest.raises(AdapterMismatch, match="two tensors are the same half of x_embedder"):
        check_adapter(loras.written(tmp_path / "a.safetensors", NAMED["diffusers"], twice), MODEL)


def test_a_pair_without_rank_is_none() -> None:
    with pytest.raises(NoLora, match="do not belong together"):
        read_pairs({"x.lora_A.weight": (0, 8), "x.lora_B.weight": (8, 0)})
