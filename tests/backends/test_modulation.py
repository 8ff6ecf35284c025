"""adaLN's modulations computed once: to the bit what the transformer computes, wherever its weights are."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from accelerate import cpu_offload
from accelerate.hooks import AlignDevicesHook
from geometries import random_sequence, small_transformer, velocity
from golden_cases import load, read

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention
from contextgen.backends.flux_kontext.modulation import adaptive_norms, modulated, modulations, move_without_modulation
from contextgen.method.blocks import block_rules

POOLED = torch.randn(1, 10, generator=torch.Generator().manual_seed(2))
TIMES = torch.tensor([0.9, 0.7, 0.1])


@pytest.fixture
def call() -> dict:
    return {**read("cases", "one_masked").call, "num_inference_steps": 2, "output_type": "latent"}


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every schedule whose modulations are computed."""
    calls: list[int] = []
    monkeypatch.setattr(
        "contextgen.backends.flux_kontext.pipeline.modulations",
        lambda *given: (calls.append(1), modulations(*given))[1],
    )
    return calls


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_given_is_what_the_layers_would_give(dtype: torch.dtype) -> None:
    transformer = small_transformer(2, 3).to(dtype)
    seen: list[torch.Tensor] = []
    for norm in adaptive_norms(transformer):
        norm.linear.register_forward_hook(lambda layer, given, output: seen.append(output))
    attention = MaskedAttention(transformer, block_rules(2, 3), "released")  # which reads every layer just once
    given_step = modulations(transformer, TIMES.to(dtype), POOLED.to(dtype), 3.5)[1]
    seen.clear()
    with torch.no_grad():
        velocity(transformer, attention, random_sequence(3), pooled=POOLED, t=TIMES[1:2])
    by_layer = sorted((tuple(given.shape), given.sum().item()) for given in given_step[1:])
    assert by_layer == sorted((tuple(given.shape), given.sum().item()) for given in seen)
    assert len(seen) == 2 * 2 + 3 + 1


@pytest.mark.parametrize("attention", [ExactAttention, MaskedAttention])
def test_a_pass_is_the_same_and_the_layers_are_not_asked(attention) -> None:
    transformer, sequence = small_transformer(1, 4), random_sequence(4)
    installed = attention(transformer, block_rules(1, 4), "released")
    steps = modulations(transformer, TIMES, POOLED, 3.5)
    names, asked = list(transformer.state_dict()), []
    with torch.no_grad():
        for step, t in zip(steps, TIMES.split(1), strict=True):
            own = velocity(transformer, installed, sequence, pooled=POOLED, t=t)
            for norm in adaptive_norms(transformer):
                norm.linear.register_forward_hook(lambda *_: asked.append(1))
            with modulated(transformer, step):
                given = velocity(transformer, installed, sequence, pooled=POOLED, t=t)
            assert torch.equal(given, own)
            assert not asked
            for norm in adaptive_norms(transformer):
                norm.linear._forward_hooks.clear()
    assert list(transformer.state_dict()) == names


def test_a_transformer_without_guidance_is_told_of_none() -> None:
    transformer = small_transformer(1, 2, guidance_embeds=False)
    (step,) = modulations(transformer, TIMES[:1], POOLED, 3.5)
    assert torch.equal(step[0], transformer.time_text_embed(TIMES[:1] * 1000, POOLED))


def test_layers_are_back_after_an_error() -> None:
    transformer = small_transformer(1, 2)
    layers = [norm.linear for norm in adaptive_norms(transformer)]
    step = modulations(transformer, TIMES[:1], POOLED, 3.5)[0]
    with pytest.raises(KeyboardInterrupt), modulated(transformer, step):
        raise KeyboardInterrupt
    assert [norm.linear for norm in adaptive_norms(transformer)] == layers


def test_seeds_and_layouts_share_them(pipe: ContextGenPipeline, call: dict, computed: list[int]) -> None:
    for seed in range(4):
        pipe(**{**call, "seed": seed})
    assert len(computed) == 1
    for change in ({"prompt": "another"}, {"guidance_scale": 1.5}, {"num_inference_steps": 3}):
        before = len(computed)
        pipe(**{**call, **change})
        assert len(computed) == before + 1


@pytest.mark.parametrize("layer", ["norm_out.linear", "time_text_embed.text_embedder.linear_1"])
def test_changed_weights_are_seen(call: dict, computed: list[int], layer: str) -> None:
    pipe = load()
    first = pipe(**call).images
    with torch.no_grad():
        pipe.transformer.get_submodule(layer).weight.mul_(1.5)
    second = pipe(**call).images
    assert len(computed) == 2
    assert not torch.equal(first, second)


@pytest.mark.parametrize("fuse_adapter", [True, False])
def test_a_picture_is_to_the_bit_that_of_the_layers_themselves(
    call: dict, monkeypatch: pytest.MonkeyPatch, fuse_adapter: bool
) -> None:
    pipe = load(fuse_adapter=fuse_adapter)
    given = pipe(**call).images
    monkeypatch.setattr("contextgen.backends.flux_kontext.pipeline.modulated", lambda *_: nullcontext())
    assert torch.equal(given, pipe(**call).images)


def test_offloaded_weights_are_fetched_once_for_all_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    transformer = small_transformer(1, 2)
    stayed = modulations(transformer, TIMES, POOLED, 3.5)
    cpu_offload(transformer, torch.device("cpu"))
    fetched: list[torch.nn.Module] = []
    real = AlignDevicesHook.pre_forward
    monkeypatch.setattr(
        AlignDevicesHook,
        "pre_forward",
        lambda hook, module, *args, **kwargs: (fetched.append(module), real(hook, module, *args, **kwargs))[1],
    )
    brought = modulations(transformer, TIMES, POOLED, 3.5)
    assert all(torch.equal(*pair) for steps in zip(stayed, brought, strict=True) for pair in zip(*steps, strict=True))
    assert all(fetched.count(norm.linear) == 1 for norm in adaptive_norms(transformer))
    assert {weight.device.type for weight in transformer.parameters()} == {"meta"}  # and taken away again


def test_a_transformer_moves_without_them() -> None:
    transformer = small_transformer(1, 2)
    stayed = {id(weight) for norm in adaptive_norms(transformer) for weight in norm.linear.parameters()}
    move_without_modulation(transformer, torch.device("meta"))
    assert all((weight.device.type == "cpu") == (id(weight) in stayed) for weight in transformer.parameters())


def test_lean_is_the_same_picture_without_encoders_and_modulation_on_the_device(
    pipe: ContextGenPipeline, call: dict
) -> None:
    lean = load()
    lean.enable_lean_offload("cpu")
    assert torch.equal(lean(**call).images, pipe(**call).images)
    for encoder in (lean.text_encoder, lean.text_encoder_2):
        assert {weight.device.type for weight in encoder.parameters()} == {"meta"}


def test_lean_keeps_the_modulation_off_the_device() -> None:
    lean = load()
    lean.enable_lean_offload("meta")
    modulating = {id(weight) for norm in adaptive_norms(lean.transformer) for weight in norm.linear.parameters()}
    elsewhere = {id(weight) for weight in lean.transformer.parameters() if weight.device.type == "cpu"}
    assert elsewhere == modulating
