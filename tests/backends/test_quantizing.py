"""Quantized transformers: what this machine can, and what it is told where it cannot."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from geometries import random_sequence, small_transformer, velocity
from golden_cases import TINY, load, read, relative

from contextgen.backends.flux_kontext import quantizing
from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention
from contextgen.backends.flux_kontext.modulation import adaptive_norms
from contextgen.backends.flux_kontext.quantizing import check_quantization, quantize
from contextgen.backends.unsupported import Unsupported
from contextgen.method.blocks import block_rules

CPU = torch.device("cpu")
ERRORS = {"int8": 0.05, "nf4": 0.5}


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"needs {package}")


POSSIBLE = [pytest.param("int8", marks=needs("torchao")), pytest.param("nf4", marks=needs("bitsandbytes"))]


@pytest.mark.parametrize("name", POSSIBLE)
@pytest.mark.parametrize("attention", [ExactAttention, MaskedAttention])
def test_a_quantized_transformer_is_near_the_exact_one(name: str, attention) -> None:
    check_quantization(name, CPU)
    transformer, sequence = small_transformer(1, 4), random_sequence(4)
    installed = attention(transformer, block_rules(1, 4), "released")
    with torch.no_grad():
        exact = velocity(transformer, installed, sequence)
        quantize(transformer, name)
        assert 0 < relative(velocity(transformer, installed, sequence), exact) < ERRORS[name]
    assert all(type(norm.linear.weight) is torch.nn.Parameter for norm in adaptive_norms(transformer))


@pytest.mark.parametrize("name", POSSIBLE)
def test_the_adapter_is_fused_before(name: str) -> None:
    call = {**read("cases", "one_masked").call, "num_inference_steps": 1, "output_type": "latent"}
    fused = load()
    quantize(fused.transformer, name)
    assert torch.equal(load(quantize=name)(**call).images, fused(**call).images)


def test_an_adapter_kept_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="fused"):
        load(quantize="int8", fuse_adapter=False)


@pytest.mark.parametrize(("name", "package"), [("int8", "torchao"), ("nf4", "bitsandbytes")])
def test_a_missing_package_is_named_before_weights_load(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quantizing.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("contextgen.backends.flux_kontext.pretrained.FluxKontextPipeline.from_pretrained", None)
    with pytest.raises(Unsupported, match=package) as caught:
        load(quantize=name)
    assert "contextgen[quant]" in caught.value.hint
    assert TINY.is_dir()


def test_fp8_needs_matrix_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantizing.importlib.util, "find_spec", lambda name: object())
    with pytest.raises(Unsupported, match="no matrix units"):
        check_quantization("fp8", CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 6))
    with pytest.raises(Unsupported, match="no matrix units"):
        check_quantization("fp8", torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    check_quantization("fp8", torch.device("cuda"))
    with pytest.raises(ValueError, match="one of"):
        check_quantization("int3", CPU)
