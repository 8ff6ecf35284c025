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
    layout = case.token_lengths[2]
    theirs = case.expected["context_latents"]
    assert relative(encode(pipe, case.layout.pixels), theirs[:layout]) < 1e-5
    references = torch.cat([encode(pipe, reference.subject) for reference in case.references])
    assert relative(references, theirs[layout:]) < 3e-4  # see "Parity" in docs/architecture.md


@pytest.mark.parametrize("attention", ["masked", "exact"])
def test_velocities_and_latents_from_the_same_context(case: Case, pipe: ContextGenPipeline, attention: str) -> None:
    theirs = case.expected
    context = iter(torch.split(theirs["context_latents"], case.token_lengths[2:]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipe, "_encode", lambda pixels, device: next(context)[None])
        velocities, latents = denoise(pipe, case, attention)
    assert relative(velocities[0], theirs["velocity_first"]) < 2e-5
    assert relative(velocities[-1], theirs["velocity_last"]) < 2e-5
    assert relative(latents, theirs["final_latents"]) < 2e-5


@pytest.mark.parametrize("attention", ["masked", "exact"])
def test_final_latents_and_picture(case: Case, pipe: ContextGenPipeline, attention: str) -> None:
    _, latents = denoise(pipe, case, attention)
    assert relative(latents, case.expected["final_latents"]) < 1e-4
    difference = np.abs(np.asarray(pipe(**case.call).images[0]) - case.picture("expected.png"))
    assert difference.mean() < 0.1
    assert difference.max() <= 2


def encode(pipe: ContextGenPipeline, pixels: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return pipe._encode(pixels, torch.device("cpu"))[0]


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
