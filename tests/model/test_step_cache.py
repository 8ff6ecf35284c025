"""Step caches: exact where they compute everything, near where they do not, the same under either attention."""

from __future__ import annotations

import pytest
import torch
from golden_cases import read, relative

from contextgen import ContextGenPipeline
from contextgen.step_cache import STEP_CACHES, FirstBlock, Taylor, step_cache


@pytest.fixture
def call() -> dict:
    return {**read("cases", "one_masked").call, "num_inference_steps": 12, "output_type": "latent"}


def painted(pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, cache) -> torch.Tensor:
    monkeypatch.setattr("contextgen.pipeline.step_cache", lambda name: cache)
    return pipe(**call).images


@pytest.mark.parametrize("cache", [FirstBlock(threshold=0), Taylor(warm_up=12)], ids=STEP_CACHES)
def test_a_cache_that_skips_nothing_is_exact(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, cache
) -> None:
    exact = pipe(**call).images
    assert torch.equal(painted(pipe, call, monkeypatch, cache), exact)
    assert cache.skipped == 0


@pytest.mark.parametrize(("kind", "arguments"), [(FirstBlock, (0.5,)), (Taylor, ())], ids=STEP_CACHES)
def test_what_is_skipped_is_near_and_the_same_under_the_masks(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, kind, arguments
) -> None:
    exact, pictures = pipe(**call).images, []
    for attention in ("exact", "masked"):
        pipe.set_attention(attention)
        cache = kind(*arguments)
        pictures.append(painted(pipe, call, monkeypatch, cache))
        assert 0 < cache.skipped < 12
    assert 0 < relative(pictures[0], exact) < 0.2
    assert relative(pictures[0], pictures[1]) < 1e-4


def test_a_line_is_followed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contextgen.step_cache.velocity", lambda transformer, x_t, t, given: 3 * t + 1)
    cache = Taylor()
    times = torch.linspace(1, 0.1, 12).split(1)
    for t in times:
        assert torch.allclose(cache.velocity(None, None, t, None), 3 * t + 1)
    assert cache.skipped == 6


def test_the_pipeline_takes_a_name(pipe: ContextGenPipeline, call: dict) -> None:
    exact = pipe(**call).images
    try:
        pipe.cache_steps = "taylor"
        assert not torch.equal(pipe(**call).images, exact)
    finally:
        pipe.cache_steps = None
    with pytest.raises(ValueError, match="one of"):
        step_cache("none")
