"""NaN and infinity are seen wherever they stand, in every kind of number; no picture is made of them."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from golden_cases import CASES, load, read

from contextgen import ContextGenPipeline
from contextgen.backends.finite import NotFinite, is_finite

WITH_INFINITY = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2)
EVERY = [
    *((dtype, value) for dtype in WITH_INFINITY for value in (math.nan, math.inf, -math.inf)),
    (torch.float8_e4m3fn, math.nan),
]


@pytest.mark.parametrize("place", [0, 1000, -1])
@pytest.mark.parametrize(("dtype", "value"), EVERY)
def test_one_number_among_thousands_is_seen(dtype: torch.dtype, value: float, place: int) -> None:
    numbers = torch.linspace(-400, 400, 4097)
    assert is_finite(numbers.to(dtype))
    numbers[place] = value
    assert not is_finite(numbers.to(dtype))


@pytest.mark.parametrize("tensor", [torch.zeros(0), torch.ones(3, dtype=torch.int64), torch.empty(3, device="meta")])
def test_what_has_no_such_numbers_passes(tensor: torch.Tensor) -> None:
    assert is_finite(tensor)


def paint(pipe: ContextGenPipeline, **more: object) -> object:
    return pipe(**{**read("cases", CASES[0]).call, "num_inference_steps": 2, **more}).images


@pytest.mark.parametrize("output_type", ["pil", "np", "pt", "latent"])
@pytest.mark.parametrize("attention", ["exact", "masked"])
@pytest.mark.parametrize("cache_steps", [None, "taylor", "first-block"])
def test_latents_that_are_not_finite_are_no_picture(
    pipe: ContextGenPipeline, attention: str, cache_steps: str | None, output_type: str
) -> None:
    pipe.set_attention(attention)
    weight = pipe.transformer.proj_out.weight
    kept = weight.data.clone()
    weight.data[0, 0] = torch.inf
    pipe.cache_steps = cache_steps
    try:
        with (
            warnings.catch_warnings(),
            pytest.raises(NotFinite, match="NaN or infinity in the latents, computed in float32"),
        ):
            warnings.simplefilter("error")  # nothing is cast to pixels
            paint(pipe, output_type=output_type)
    finally:
        weight.data.copy_(kept)
        pipe.cache_steps = None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_picture_that_overflows_in_the_decoder_is_none(dtype: torch.dtype) -> None:
    pipe = load(torch_dtype=dtype)
    pipe.vae.decoder.conv_out.weight.data.fill_(torch.finfo(dtype).max)
    with pytest.raises(NotFinite, match=r"NaN or infinity in the decoded picture, computed in b?float16"):
        paint(pipe)
