"""Compiled blocks: the same velocity to rounding, one compilation for every scene, a word where nothing compiles."""

from __future__ import annotations

import shutil

import pytest
import torch
from geometries import random_sequence, small_transformer, velocity
from torch._dynamo.utils import counters

from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention
from contextgen.backends.flux_kontext.compiling import compile_blocks
from contextgen.backends.unsupported import Unsupported
from contextgen.method.blocks import block_rules

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _nothing_compiled():
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("attention", [ExactAttention, MaskedAttention])
def test_other_scenes_compile_nothing_anew(attention) -> None:
    transformer = small_transformer(2, 6)
    installed = attention(transformer, block_rules(2, 6), "released")
    sequences = [random_sequence(seed) for seed in (2, 7, 12)]
    with torch.no_grad():
        plain = [velocity(transformer, installed, sequence) for sequence in sequences]
        compile_blocks(transformer, CPU, backend="eager")
        graphs = []
        for expected, sequence in zip(plain, sequences, strict=True):
            assert torch.allclose(velocity(transformer, installed, sequence), expected, atol=1e-5)
            graphs.append(counters["stats"]["unique_graphs"])
    assert 0 < graphs[0] == graphs[-1]


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_compiled_code_gives_the_same_to_rounding() -> None:
    from torch._dynamo.utils import calculate_time_spent

    transformer, sequence = small_transformer(0, 4), random_sequence(5)
    installed = ExactAttention(transformer, block_rules(0, 4, (0, 1)), "released")
    with torch.no_grad():
        plain = velocity(transformer, installed, sequence)
        before = calculate_time_spent().get("total_wall_time", 0.0)
        compile_blocks(transformer, CPU)
        compiled = velocity(transformer, installed, sequence)
    assert calculate_time_spent()["total_wall_time"] > before
    assert float((compiled - plain).norm() / plain.norm()) < 1e-5


def test_a_machine_without_a_compiler_is_told_before_anything_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import cpp_builder, exc

    def none_found():
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none_found)
    with pytest.raises(Unsupported, match=r"no C\+\+ compiler") as caught:
        compile_blocks(small_transformer(1, 1), CPU)
    assert "g++" in caught.value.hint
