"""Many images of several shapes, encoded together as they would be alone."""

from __future__ import annotations

import pytest
import torch
from shapes import TINY, prepared

from contextgen import ContextGenPipeline
from contextgen.training.preprocessing import latent_encoding
from contextgen.training.preprocessing.latent_encoding import encode, encode_images, encode_prompts


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    return ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)


@pytest.mark.parametrize("pixels_a_call", [1, 1 << 22])
def test_images_keep_their_order_whatever_is_encoded_at_once(pipe, monkeypatch, pixels_a_call) -> None:
    monkeypatch.setattr(latent_encoding, "_PIXELS_A_CALL", pixels_a_call)
    samples = prepared(pipe)
    images = [image for sample in samples for image in (sample.target, *sample.references)]
    assert len({image.shape for image in images}) > 1
    together = encode_images(pipe, images)
    for image, latents in zip(images, together, strict=True):
        assert torch.allclose(latents, encode_images(pipe, [image])[0], atol=1e-5)


def test_the_context_is_the_layout_and_then_the_references(pipe) -> None:
    samples = prepared(pipe)
    encoded = encode(pipe, samples, 0.0)
    assert encoded.target.shape == encoded.layout.shape
    assert torch.equal(encoded.weights, torch.ones(encoded.target.shape[:2]))
    for sample, layout, context in zip(samples, encoded.layout, encoded.context, strict=True):
        assert torch.equal(context[: len(layout)], layout)
        alone = torch.cat(encode_images(pipe, sample.references))
        assert torch.allclose(context[len(layout) :], alone, atol=1e-5)


def test_captions_are_told_in_the_models_template(pipe) -> None:
    sequence, pooled = encode_prompts(pipe, ["a photo of a crab", "a crab", "a bag"])
    assert len(sequence) == len(pooled) == 3
    assert torch.equal(sequence[0], sequence[1])
    assert not torch.equal(sequence[1], sequence[2])
