"""An adapter is as strong as peft has it, and what says more than that is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import loras
import pytest
import torch
from safetensors.torch import load_file

from contextgen.backends.flux_kontext.adapters import fit
from contextgen.backends.flux_kontext.lora import apply_adapter
from contextgen.weights.checkpoint_errors import AdapterMismatch, CheckpointError, FolderIncomplete

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"r": 4, "lora_alpha": 4},
    "alpha": {"r": 4, "lora_alpha": 10},
    "rank-stabilised": {"r": 4, "lora_alpha": 10, "use_rslora": True},
    "patterns by their ends": {"r": 4, "lora_alpha": 8, "alpha_pattern": {"to_q": 40, "x_embedder": 2}},
    "patterns of letters": {"r": 4, "lora_alpha": 8, "alpha_pattern": {r"single_.*\.proj_\w+": 40}},
    "the first pattern that fits": {"r": 4, "alpha_pattern": {"attn.to_q": 40, "transformer_blocks.0.attn.to_q": 4}},
    "ranks": {"r": 4, "lora_alpha": 8, "rank_pattern": {"to_q": 2}, "use_rslora": True},
}


def fused(path: Path, scale: float = 1.0) -> loras.Tensors:
    model = loras.transformer()
    apply_adapter(model, path, scale=scale, dtype=torch.float32)
    return loras.weights(model)


def assert_same(ours: loras.Tensors, theirs: loras.Tensors) -> None:
    before = loras.weights(loras.transformer())
    for name, weight in theirs.items():
        assert not torch.allclose(before[name], weight, atol=1e-4)
        assert torch.allclose(ours[name], weight, atol=1e-5)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_folder_of_peft_is_as_strong_as_peft_merges_it(tmp_path: Path, settings: dict[str, Any]) -> None:
    theirs = loras.of_peft(tmp_path, **settings)
    assert_same(fused(tmp_path), theirs)
    assert_same(fused(tmp_path / "adapter_model.safetensors"), theirs)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_an_adapter_that_diffusers_saved_is_as_strong_as_there(tmp_path: Path, settings: dict[str, Any]) -> None:
    from diffusers import FluxKontextPipeline
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(7)
    model = loras.transformer()
    model.add_adapter(LoraConfig(target_modules=[*loras.LAYERS], init_lora_weights=False, **settings))
    config = model.peft_config["default"].to_dict()
    told = {key: list(value) if isinstance(value, set) else value for key, value in config.items()}
    layers = get_peft_model_state_dict(model)
    FluxKontextPipeline.save_lora_weights(tmp_path, layers, transformer_lora_adapter_metadata=told)
    model.fuse_lora()
    model.unload_lora()
    assert_same(fused(tmp_path), loras.weights(model))


def test_what_version_0_1_0_read_otherwise_has_a_strength_of_its_own(tmp_path: Path) -> None:
    model = {name: tuple(weight.shape) for name, weight in loras.weights(loras.transformer()).items()}

    def strength(name: str, **settings: Any) -> str:
        loras.of_peft(tmp_path / name, **settings)
        return fit(tmp_path / name, model).strength

    assert strength("plain", r=4, lora_alpha=4) == strength("as ever", r=2, lora_alpha=2) == ""
    several = {strength("10", r=4, lora_alpha=10), strength("20", r=4, lora_alpha=20)}
    assert len(several) == 2 and "" not in several


REFUSED = {
    "DoRA": ({"use_dora": True}, "it says use_dora, which is not understood"),
    "biases": ({"bias": "all"}, "it changes biases"),
    "whole layers": ({"modules_to_save": ["proj_out"]}, "it says modules_to_save"),
    "another kind": ({"peft_type": "LOHA"}, "it is 'LOHA', and only LORA is read"),
    "a moved base": ({"init_lora_weights": "pissa_niter_4"}, "fits a base that was changed first"),
    "what no one knows yet": ({"use_tomorrow": True}, "it says use_tomorrow"),
    "a pattern that is none": ({"alpha_pattern": {"(": 1}}, "no pattern that is understood"),
    "a slow pattern": ({"alpha_pattern": {".*.*.*.*.*x": 1}}, "no pattern that is understood"),
    "too many patterns": (
        {"alpha_pattern": {f"x{n}": 1 for n in range(2000)}},
        "holds more patterns",
    ),
    "a pattern without end": ({"alpha_pattern": {"(a+)+b": 1}}, "no pattern that is understood"),
}


@pytest.mark.parametrize(("says", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_understood_is_refused_by_name(tmp_path: Path, says: dict[str, Any], words: str) -> None:
    loras.of_peft(tmp_path, r=4, lora_alpha=4)
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **says}))
    with pytest.raises(AdapterMismatch, match=words) as refused:
        fused(tmp_path)
    assert str(config) in str(refused.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"lora_alpha": "x"}', '{"alpha_pattern": [1]}'])
def test_a_configuration_that_is_none_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    loras.of_peft(tmp_path, r=4, lora_alpha=4)
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(FolderIncomplete, match=r"adapter_config\.json: "):
        fused(tmp_path)


def test_a_configuration_that_states_no_alpha_has_that_of_peft(tmp_path: Path) -> None:
    loras.of_peft(tmp_path, r=4, lora_alpha=4)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    assert_same(fused(tmp_path), loras.of_peft(tmp_path / "theirs", r=4))


def test_a_scale_of_the_user_multiplies_what_the_adapter_says(tmp_path: Path) -> None:
    loras.of_peft(tmp_path, r=4, lora_alpha=10)
    before, once, half = loras.weights(loras.transformer()), fused(tmp_path), fused(tmp_path, -0.5)
    for name, weight in before.items():
        assert torch.allclose(half[name] - weight, -0.5 * (once[name] - weight), atol=1e-5)


def test_the_refusal_names_the_tensor_s_kind(tmp_path: Path) -> None:
    loras.of_peft(tmp_path, r=4, lora_alpha=4, use_dora=True)
    (tmp_path / "adapter_config.json").unlink()
    assert any("lora_magnitude_vector" in key for key in load_file(tmp_path / "adapter_model.safetensors"))
    with pytest.raises(CheckpointError, match="it holds DoRA, which is not read here"):
        fused(tmp_path)
