"""Number for number what the authors' implementation computes, both attentions (tests/golden/README.md)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_cases import CASES, LAYOUTS, Case, read, relative
from PIL import Image

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.attention.masked_attention import mask
from contextgen.method.blocks import Rule


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return read("cases", request.param)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_all_fits(name: str) -> None:
    assert_same_layout(read("layouts", name))


def test_automatic_layout(case: Case) -> None:
    if case.given is None:
        assert_same_layout(case)


def test_sequence(case: Case) -> None:
    assert list(case.sequence.lengths) == case.token_lengths
    text_ids = np.zeros((case.token_lengths[0], 3))
    assert np.array_equal(np.concatenate([text_ids, case.sequence.img_ids]), case.expected["position_ids"].numpy())


def test_foreground_tokens(case: Case) -> None:
    for k, tokens in enumerate(case.sequence.references):
        assert np.array_equal(tokens.foreground.ravel(), case.expected[f"valid_tokens_{k}"].numpy().astype(bool))


@pytest.mark.parametrize("rule", Rule)
def test_masks(case: Case, rule: Rule) -> None:
    assert np.array_equal(mask(case.sequence, rule).numpy(), case.mask(f"{rule.name.lower()}_mask"))


def test_context_latents(case: Case, pipe: ContextGenPipeline) -> None:
    ours, theirs = encode_as_released(pipe, case), torch.split(case.expected["context_latents"], case.token_lengths[2:])
    for image, (latents, expected) in enumerate(zip(ours, theirs, strict=True)):
        assert relative(latents, expected) < 1e-5, f"context image {image}"


@pytest.mark.parametrize("attention", ["masked", "exact"])
def test_velocities_and_final_latents(case: Case, pipe: ContextGenPipeline, attention: str) -> None:
    context = iter(encode_as_released(pipe, case))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipe, "_encode", lambda pixels, device: next(context)[None])
        velocities, latents = denoise(pipe, case, attention)
    assert relative(velocities[0], case.expected["velocity_first"]) < 3e-5
    assert relative(velocities[-1], case.expected["velocity_last"]) < 3e-5
    assert relative(latents, case.expected["final_latents"]) < 2e-5


@pytest.mark.parametrize("attention", ["masked", "exact"])
def test_picture(case: Case, pipe: ContextGenPipeline, attention: str) -> None:
    pipe.set_attention(attention)
    difference = np.abs(np.asarray(pipe(**case.call).images[0]) - case.picture("expected.png"))
    assert difference.mean() < 0.1
    assert difference.max() <= 2


def test_images_are_encoded_in_plain_strides(pipe: ContextGenPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[torch.Tensor] = []
    monkeypatch.setattr(pipe, "encode_pixels", lambda image: given.append(image) or image)
    pipe._encode(np.zeros((32, 48, 3), np.float32), torch.device("cpu"))
    assert given[0].stride() == (3 * 32 * 48, 32 * 48, 48, 1)


@torch.no_grad()
def test_rendering_is_nearer_the_truth_than_the_released_strides(case: Case, pipe: ContextGenPipeline) -> None:
    """The VAE in float64 says which strides are right."""
    device, subjects = torch.device("cpu"), [reference.subject for reference in case.references]
    ours = torch.cat([pipe._encode(subject, device)[0] for subject in subjects])
    released = torch.cat(encode_as_released(pipe, case)[1:])
    pipe.empty_caches()
    try:
        pipe.vae.double()
        exact = torch.cat([pipe._encode(subject, device)[0] for subject in subjects])
    finally:
        pipe.vae.float()
        pipe.empty_caches()
    assert relative(ours, exact) < 1e-5 < relative(released, exact)


def encode_as_released(pipe: ContextGenPipeline, case: Case) -> list[torch.Tensor]:
    """Latents (N, C) of layout and references, these alone in channels-last strides.

    On such strides group norms add up in as many parts as there are threads, and are off by as much: two, when the
    golden values were made.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        references = [plain(reference.subject) for reference in case.references]
        images = [plain(case.layout.pixels), *(each.clone(memory_format=torch.channels_last) for each in references)]
        with torch.no_grad():
            return [pipe.encode_pixels(image)[0] for image in images]
    finally:
        torch.set_num_threads(threads)


def plain(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def denoise(pipe: ContextGenPipeline, case: Case, attention: str) -> tuple[list[torch.Tensor], torch.Tensor]:
    pipe.set_attention(attention)
    velocities = []

    def keep(pipe, step, timestep, tensors):
        velocities.append(tensors["velocity"][0].clone())
        return {}

    latents = pipe(
        **case.call,
        output_type="latent",
        callback_on_step_end=keep,
        callback_on_step_end_tensor_inputs=["velocity"],
    ).images[0]
    return velocities, latents


def assert_same_layout(case: Case) -> None:
    grey = Image.new("RGBA", case.size, (128, 128, 128, 255))
    grey.alpha_composite(case.layout.image)
    difference = np.abs(np.asarray(grey.convert("RGB")) - case.picture("expected_layout.png"))
    assert difference.mean() < 0.1
    assert (difference > 2).mean() <= 0.0005
