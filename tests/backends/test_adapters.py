"""Adapters: fused and apart are the same model; what does not fit is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden_cases import CASES, TINY, load, read, relative
from safetensors.torch import load_file, save_file

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.adapters import check_adapter, linear_layers
from contextgen.backends.flux_kontext.lora import apply_adapter
from contextgen.weights.checkpoint_errors import AdapterMismatch, FolderIncomplete

ADAPTER = next((TINY / "adapter").glob("*.safetensors"))
LAYER = "transformer.transformer_blocks.0.attn.to_q"


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    return load_file(ADAPTER)


def weight(pipe: ContextGenPipeline) -> torch.Tensor:
    return pipe.transformer.transformer_blocks[0].attn.to_q.weight


def latents(pipe: ContextGenPipeline) -> torch.Tensor:
    return pipe(**{**read("cases", CASES[0]).call, "num_inference_steps": 1}, output_type="latent").images


def test_fused_equals_apart_and_differs_from_none(pipe: ContextGenPipeline) -> None:
    apart, none = load(fuse_adapter=False), load(adapter=None)
    assert relative(latents(apart), latents(pipe)) < 1e-5
    assert relative(latents(none), latents(pipe)) > 1e-3


def test_fusing_adds_in_float32_and_rounds_once(tensors: dict[str, torch.Tensor]) -> None:
    fused = weight(load(torch_dtype=torch.bfloat16))
    base = weight(load(adapter=None)).float()
    down, up = (tensors[f"{LAYER}.lora_{half}.weight"].bfloat16().float() for half in "AB")
    assert torch.equal(fused, (base + up @ down).bfloat16())


def test_alpha_counts_when_kept_apart_too(tensors: dict, tmp_path: Path) -> None:
    save_file({**tensors, f"{LAYER}.alpha": torch.tensor(80.0)}, tmp_path / "adapter.safetensors")
    apart, fused = (latents(load(adapter=tmp_path, fuse_adapter=fuse)) for fuse in (False, True))
    assert relative(apart, fused) < 1e-5
    assert relative(apart, latents(load())) > 1e-4


@pytest.mark.parametrize("where", ["tensor", "metadata", "pattern"])
def test_alpha_scales_the_update(tensors: dict[str, torch.Tensor], tmp_path: Path, where: str) -> None:
    metadata = {}
    if where == "tensor":
        tensors[f"{LAYER}.alpha"] = torch.tensor(8.0)
    elif where == "metadata":
        metadata = {"transformer.r": 4, "transformer.lora_alpha": 8}
    else:
        metadata = {"transformer.lora_alpha": 4, "transformer.alpha_pattern": {LAYER.removeprefix("transformer."): 8}}
    save_file(tensors, tmp_path / "adapter.safetensors", {"lora_adapter_metadata": json.dumps(metadata)})
    base, once, twice = (weight(load(adapter=path)) for path in (None, TINY / "adapter", tmp_path))
    assert torch.allclose(twice - base, 2 * (once - base), atol=1e-6)


def test_several_files_make_one_adapter(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    names = sorted(tensors)
    save_file({name: tensors[name] for name in names[:40]}, tmp_path / "1.safetensors")
    save_file({name: tensors[name] for name in names[40:]}, tmp_path / "2.safetensors")
    assert torch.equal(weight(load(adapter=tmp_path)), weight(load()))


def renamed(tensors: dict, old: str, new: str) -> dict:
    return {name.replace(old, new): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda t: renamed(t, "transformer.x_", "diffusion_model.x_"), r"not every key begins with 'transformer\.'"),
        (lambda t: renamed(t, "transformer.", "transformer.unet_"), "none found in it: unet_single_"),
        (
            lambda t: renamed(t, "single_transformer_blocks.3", "single_transformer_blocks.9"),
            "6 of 37 layers not found",
        ),
        (lambda t: {**t, f"{LAYER}.lora_A.weight": torch.zeros(4, 32)}, r"\(64, 64\) in the model and \(64, 32\)"),
        (lambda t: {k: v for k, v in t.items() if k != f"{LAYER}.lora_B.weight"}, "lora_A and lora_B do not belong"),
        (lambda t: {**t, f"{LAYER}.lora_A.weight": torch.zeros(8, 64)}, "lora_A and lora_B do not belong"),
        (
            lambda t: {**t, "transformer.some.weight": torch.zeros(1)},
            r"no LoRA in diffusers' format: transformer\.some",
        ),
        (lambda t: {}, "holds no LoRA layer"),
    ],
)
def test_adapter_of_another_model_is_refused(tensors: dict, tmp_path: Path, broken, words: str) -> None:
    save_file(broken(tensors), tmp_path / "adapter.safetensors")
    with pytest.raises(AdapterMismatch, match=words):
        load(adapter=tmp_path)


def test_refused_adapter_leaves_the_weights_alone(tensors: dict, tmp_path: Path) -> None:
    pipe = load(adapter=None)
    before = weight(pipe).clone()
    save_file({**tensors, f"{LAYER}9.lora_A.weight": torch.zeros(4, 64)}, tmp_path / "adapter.safetensors")
    with pytest.raises(AdapterMismatch):
        apply_adapter(pipe.transformer, tmp_path)
    assert torch.equal(weight(pipe), before)


def test_fit_is_seen_before_any_weight_is_read(tensors: dict, tmp_path: Path) -> None:
    check_adapter(TINY / "adapter", linear_layers(TINY))
    save_file(renamed(tensors, "transformer.", "transformer.unet_"), tmp_path / "adapter.safetensors")
    with pytest.raises(AdapterMismatch, match="none found in it"):
        check_adapter(tmp_path, linear_layers(TINY))


def test_folder_with_the_same_layers_twice_is_ambiguous(tensors: dict, tmp_path: Path) -> None:
    for name in ("step_100.safetensors", "step_200.safetensors"):
        save_file(tensors, tmp_path / name)
    with pytest.raises(FolderIncomplete, match="several files hold"):
        load(adapter=tmp_path)


def test_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderIncomplete, match=r"no \*\.safetensors"):
        load(adapter=tmp_path)
