"""The embedded model's codec: local, linear analysis; files in diffusers' format."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import cpu_offload_with_hook

from contextgen.codec import PatchCodec


@pytest.fixture
def pictures() -> torch.Tensor:
    """Smooth random pictures, (8, 3, 64, 64) in [-1, 1]."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(8, 3, 5, 5, generator=random) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic").clamp(-1, 1)


@pytest.fixture
def codec(pictures: torch.Tensor) -> PatchCodec:
    codec = PatchCodec()
    codec.fit(torch.nn.functional.unfold(pictures, 8, stride=8).transpose(1, 2).flatten(0, 1))
    return codec


def test_principal_components_reconstruct_before_any_training(codec: PatchCodec, pictures: torch.Tensor) -> None:
    with torch.no_grad():
        errors = (codec(pictures) - pictures).square().mean()
    assert errors < 0.01 * pictures.var()


def test_latents_have_unit_variance(codec: PatchCodec, pictures: torch.Tensor) -> None:
    with torch.no_grad():
        latents = codec.encode(pictures).latents
    assert latents.shape == (8, 16, 8, 8)
    assert latents.square().mean().sqrt() == pytest.approx(1, abs=0.05)


def test_a_cell_has_the_same_latents_wherever_it_lies(codec: PatchCodec, pictures: torch.Tensor) -> None:
    with torch.no_grad():
        latents = codec.encode(pictures).latents
        moved = codec.encode(pictures.roll((8, 16), (2, 3))).latents
    assert torch.allclose(moved, latents.roll((1, 2), (2, 3)), atol=1e-5)


def test_correction_begins_as_nothing_and_sees_neighbours(codec: PatchCodec) -> None:
    latents = torch.randn(1, 16, 5, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    with torch.no_grad():
        assert torch.equal(codec.decode(latents).sample, codec.synthesis(latents))
    torch.nn.init.normal_(codec.correction[-1].weight)
    codec.decode(latents).sample[..., 16:24, 16:24].sum().backward()
    assert latents.grad is not None and latents.grad[0, :, 1, 2].abs().sum() > 0


def test_survives_the_disk(codec: PatchCodec, pictures: torch.Tensor, tmp_path: Path) -> None:
    codec.save_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(PatchCodec.from_pretrained(tmp_path)(pictures), codec(pictures))


def test_an_offloaded_codec_comes_for_either_half(codec: PatchCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    _, hook = cpu_offload_with_hook(codec, torch.device("cpu"))
    monkeypatch.setattr(hook.hook, "pre_forward", lambda *given: asked.append(1))
    codec.decode(codec.encode(torch.zeros(1, 3, 16, 16)).latents)
    assert len(asked) == 2
