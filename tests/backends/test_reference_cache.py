"""References computed in some steps only: their rows leave, what was kept of them is read."""

from __future__ import annotations

import pytest
import torch
from geometries import random_sequence, small_transformer
from golden_cases import read, relative

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention
from contextgen.backends.flux_kontext.attention.reference_cache import alternating
from contextgen.backends.flux_kontext.velocity import Conditioning, velocity
from contextgen.method.blocks import block_rules


@pytest.fixture
def call() -> dict:
    return {**read("cases", "three_given_layout").call, "num_inference_steps": 6, "output_type": "latent"}


@pytest.mark.parametrize("ica", ["released", "paper"])
@pytest.mark.parametrize("seed", [3, 6, 9])
@pytest.mark.parametrize("ica_blocks", [(1, 2), (0, 4), range(5)])
def test_what_is_kept_from_the_same_step_is_exact(seed: int, ica: str, ica_blocks) -> None:
    transformer, sequence = small_transformer(1, 4), random_sequence(seed)
    exact = ExactAttention(transformer, block_rules(1, 4, ica_blocks), ica)
    arrangement = exact.arrange(sequence, torch.device("cpu"))
    random = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(1, *shape, generator=random)

    canvas, context = noise(sequence.canvas.count, 8), noise(sum(sequence.lengths[2:]), 8)
    embeds, pooled = noise(sequence.text_length, 12), noise(10)
    rows: list[int] = []
    transformer.x_embedder.register_forward_pre_hook(lambda layer, given: rows.append(given[0].shape[1]))
    computing, reusing = alternating(arrangement, 2)
    with torch.no_grad():
        _, plain, computed, reused = (
            velocity(transformer, canvas, torch.tensor([t]), Conditioning(laid_out, context, embeds, pooled, 3.5))
            for t, laid_out in ((0.9, computing), (0.7, arrangement), (0.7, computing), (0.7, reusing))
        )
    assert torch.equal(computed, plain)
    assert relative(reused, plain) < 1e-5
    assert rows[3] == 2 * sequence.canvas.count < rows[2] == rows[1]


def test_a_picture_is_near(pipe: ContextGenPipeline, call: dict) -> None:
    exact = pipe(**call).images
    try:
        pipe.reuse_references = 3
        assert 0 < relative(pipe(**call).images, exact) < 0.1
        pipe.cache_steps = "taylor"
        with pytest.raises(ValueError, match="either"):
            pipe(**call)
    finally:
        pipe.reuse_references, pipe.cache_steps = 1, None


def test_dense_masks_cannot_leave_them_out() -> None:
    transformer = small_transformer(1, 2)
    masked = MaskedAttention(transformer, block_rules(1, 2), "released").arrange(
        random_sequence(1), torch.device("cpu")
    )
    assert alternating(masked, 1) == (masked, masked)
    with pytest.raises(ValueError, match="exact attention"):
        alternating(masked, 2)
