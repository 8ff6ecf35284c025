"""Step caches: exact where they compute everything, near where they do not, the same under either attention."""

from __future__ import annotations

import pytest
import torch
from golden_cases import read, relative

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.attention.masked_attention import blocks
from contextgen.backends.flux_kontext.step_cache import STEP_CACHES, FirstBlock, Mag, Taylor, canvas_of, step_cache


@pytest.fixture
def call() -> dict:
    return {**read("cases", "one_masked").call, "num_inference_steps": 12, "output_type": "latent"}


def painted(pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, cache) -> torch.Tensor:
    monkeypatch.setattr("contextgen.backends.flux_kontext.pipeline.step_cache", lambda *_: cache)
    return pipe(**call).images


@pytest.mark.parametrize(
    "cache", [FirstBlock(threshold=0), Mag(12, [1.0], kept=1), Taylor(warm_up=12)], ids=STEP_CACHES
)
def test_a_cache_that_skips_nothing_is_exact(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, cache
) -> None:
    exact = pipe(**call).images
    assert torch.equal(painted(pipe, call, monkeypatch, cache), exact)
    assert cache.skipped == 0


@pytest.mark.parametrize(
    ("kind", "arguments"), [(FirstBlock, (0.5,)), (Mag, (12, [1.0])), (Taylor, ())], ids=STEP_CACHES
)
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


@pytest.mark.parametrize("threshold", [0.4, 0.5, 0.6])
def test_the_first_block_is_compared_with_the_last_computed_step(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, threshold: float
) -> None:
    residuals: list[torch.Tensor] = []
    computed: list[int] = []

    def after_first(block, args, given, output) -> None:
        residuals.append(canvas_of(given, output[1]) - canvas_of(given, given["hidden_states"]))

    first, *_, last = blocks(pipe.transformer)
    hooks = [
        first.register_forward_hook(after_first, with_kwargs=True),
        last.register_forward_hook(lambda *_: computed.append(len(residuals) - 1)),
    ]
    cache = FirstBlock(threshold)
    try:
        painted(pipe, call, monkeypatch, cache)
    finally:
        for hook in hooks:
            hook.remove()
    expected = [0]
    for step, residual in enumerate(residuals[1:], start=1):
        before = residuals[expected[-1]]
        if (residual - before).abs().mean() >= threshold * before.abs().mean():
            expected.append(step)
    assert computed == expected and cache.skipped == 12 - len(expected)


def test_a_line_is_followed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "contextgen.backends.flux_kontext.step_cache.velocity", lambda transformer, x_t, t, given: 3 * t + 1
    )
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
        step_cache("none", 12)
    with pytest.raises(ValueError, match="mag_ratios"):
        step_cache("mag", 12)


GROWING, EVEN = [1.0] + [1.2] * 11, [1.0] * 12


@pytest.mark.parametrize(
    ("ratios", "skipped"),
    [
        (GROWING, 0),  # each differs too much
        (EVEN, 8),  # after two steps three in a row at most: 2 3 4, 6 7 8, 10 11
        (GROWING[:6] + EVEN[6:], 5),
        ([1.0, 1.08], 8),  # one step's growth in eleven: 0.7 % each
        ([1.0, 1.2], 7),  # 1.7 % each: two in a row come to 5 %, three to more than 10 %
    ],
)
def test_steps_are_left_out_where_the_known_ratios_come_to_little(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, ratios: list[float], skipped: int
) -> None:
    cache = Mag(12, ratios)
    painted(pipe, call, monkeypatch, cache)
    assert cache.skipped == skipped
