"""Adapters: fused and apart are the same model; what does not fit is refused by name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from golden_cases import CASES, TINY, load, read, relative
from safetensors.torch import load_file, save_file

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.adapters import check_adapter, linear_layers
from contextgen.backends.flux_kontext.lora import apply_adapter
from contextgen.weights.checkpoint_errors import AdapterMismatch, CheckpointError, FolderIncomplete
from contextgen.weights.checkpoints import find_adapter

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
        (lambda t: renamed(t, "transformer.x_", "unet_x_"), "1 of 37 layers not found in it: unet_x_embedder"),
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
    for name in ("one.safetensors", "step_200.safetensors"):
        save_file(tensors, tmp_path / name)
    with pytest.raises(FolderIncomplete, match="several files hold"):
        load(adapter=tmp_path)


def test_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderIncomplete, match=r"no \*\.safetensors"):
        load(adapter=tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("fuse", [True, False])
def test_an_adapter_with_a_number_that_is_none_is_refused(
    tensors: dict[str, torch.Tensor], tmp_path: Path, value: float, fuse: bool
) -> None:
    tensors[f"{LAYER}.lora_B.weight"][-1, -1] = value
    save_file(tensors, tmp_path / "adapter.safetensors")
    with pytest.raises(FolderIncomplete) as refused:
        load(adapter=tmp_path, fuse_adapter=fuse)
    assert str(refused.value) == f"{tmp_path / 'adapter.safetensors'}: {LAYER}.lora_B.weight holds NaN or infinity"


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("{", "lora_adapter_metadata: Expecting"),
        ("[]", "lora_adapter_metadata: expected a JSON object"),
        ('{"a":' * 10_000, "lora_adapter_metadata: nested too deeply"),
        ('{"transformer.lora_alpha": 1e999}', "the alpha of .* is no number: inf"),
        ('{"transformer.lora_alpha": "x"}', "the alpha of .* is no number: 'x'"),
        ('{"transformer.alpha_pattern": [1]}', "alpha_pattern is no mapping"),
    ],
    ids=lambda value: value[:32],
)
def test_what_an_adapter_says_of_its_strength_is_a_number(
    tensors: dict[str, torch.Tensor], tmp_path: Path, metadata: str, words: str
) -> None:
    save_file(tensors, tmp_path / "adapter.safetensors", {"lora_adapter_metadata": metadata})
    with pytest.raises(FolderIncomplete, match=words):
        load(adapter=tmp_path)


@pytest.mark.parametrize("alpha", [torch.tensor(float("nan")), torch.ones(2)])
def test_an_alpha_that_is_no_number_is_refused(
    tensors: dict[str, torch.Tensor], tmp_path: Path, alpha: torch.Tensor
) -> None:
    save_file({**tensors, f"{LAYER}.alpha": alpha}, tmp_path / "adapter.safetensors")
    with pytest.raises(FolderIncomplete, match=r"holds NaN|the alpha of \S+ is no number"):
        load(adapter=tmp_path)


def test_an_adapter_that_overflows_the_weights_is_refused(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file({**tensors, f"{LAYER}.alpha": torch.tensor(1e38)}, tmp_path / "adapter.safetensors")
    with pytest.raises(AdapterMismatch, match=r"transformer_blocks\.0\.attn\.to_q goes beyond the numbers of"):
        load(adapter=tmp_path, torch_dtype=torch.float16)


def an_int8_matrix(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(
        {**tensors, f"{LAYER}.lora_A.weight": tensors[f"{LAYER}.lora_A.weight"].to(torch.int8)},
        folder / "a.safetensors",
    )


UNTRUSTED = {
    "numbers of integers": (an_int8_matrix, "a.safetensors: .*lora_A.weight holds I8"),
    "a pipe": (lambda folder, _: os.mkfifo(folder / "a.safetensors"), "a.safetensors is neither a file nor a folder"),
    "half a file": (lambda folder, _: (folder / "a.safetensors").write_bytes(b"\x10"), "a.safetensors: not a whole"),
    "a pickle": (lambda folder, _: (folder / "a.bin").write_bytes(b"\x80"), r"has no \*.safetensors"),
}


@pytest.mark.parametrize(("make", "words"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_a_strangers_adapter_is_refused_before_anything_loads(
    tensors: dict[str, torch.Tensor], tmp_path: Path, make, words: str
) -> None:
    make(tmp_path, tensors)
    with pytest.raises(CheckpointError, match=words):
        find_adapter(str(tmp_path))


def test_a_link_to_an_adapter_s_file_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "link.safetensors").symlink_to(ADAPTER)
    assert find_adapter(str(tmp_path / "link.safetensors")) == tmp_path / "link.safetensors"
