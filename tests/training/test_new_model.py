"""A new model: real components of the geometry asked for, the same from the same seed, ready to paint and to train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from shapes import Shapes

from contextgen import ContextGenPipeline
from contextgen.training import new_model
from contextgen.training.new_model import Geometry, make_new_model

SMALL = {
    "heads": 1,
    "head_dim": 32,
    "double_blocks": 1,
    "single_blocks": 2,
    "ica_blocks": [1],
    "latent_channels": 4,
    "text_length": 32,
    "vocabulary": 400,
    "text_width": 32,
    "text_layers": 1,
    "pooled_width": 32,
    "pooled_layers": 1,
    "side": 64,
    "steps": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("new"), 1)


def made(folder: Path, seed: int) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new_model, "_SEEN", 64)  # scenes that tokenizers and codec learn from
        return make_new_model(folder, SMALL, seed)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_has_the_geometry_asked_for(folder: Path) -> None:
    pipe = ContextGenPipeline.from_pretrained(folder)
    config = pipe.transformer.config
    assert (config.num_layers, config.num_single_layers, config.num_attention_heads) == (1, 2, 1)
    assert pipe.text_encoder_2.config.d_model == config.joint_attention_dim == 32
    assert len(pipe.tokenizer) <= 400 and len(pipe.tokenizer_2) <= 400
    card = pipe.card
    assert (card.width, card.height, card.steps, card.text_length, card.ica_blocks) == (64, 64, 2, 32, (1,))


def test_untrained_its_velocity_is_nothing_and_it_paints(folder: Path) -> None:
    pipe = ContextGenPipeline.from_pretrained(folder)
    assert not pipe.transformer.proj_out.weight.any()
    assert not pipe.transformer.transformer_blocks[0].norm1.linear.weight.any()
    pipe.set_progress_bar_config(disable=True)
    (example,) = Shapes(1, size=(64, 64)).batch(0, 1)
    picture = pipe(example.prompt, example.instances, width=64, height=64, seed=1).images[0]
    assert picture.size == (64, 64)


def test_its_codec_gives_pictures_back_before_any_training(folder: Path) -> None:
    pipe = ContextGenPipeline.from_pretrained(folder)
    (example,) = Shapes(1, size=(64, 64)).batch(0, 1)
    pixels = torch.from_numpy(np.asarray(example.target, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    with torch.no_grad():
        decoded = pipe.vae.decode(pipe.vae.encode(pixels.to(pipe.vae.dtype)).latents).sample.float()
    assert (decoded - pixels).square().mean() < 0.5 * pixels.var()


def test_a_seed_gives_one_model(folder: Path, tmp_path: Path) -> None:
    again, other = made(tmp_path / "again", 1), made(tmp_path / "other", 2)
    assert contents(again) == contents(folder)
    name = "transformer/diffusion_pytorch_model.safetensors"
    assert contents(other)[name] != contents(folder)[name]


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown key 'headz'"):
        Geometry.of({"headz": 2})
