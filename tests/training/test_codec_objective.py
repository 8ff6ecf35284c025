"""The codec's objective, on a small new codec."""

from __future__ import annotations

import pytest
import torch
from shapes import TINY, loss_of, prepared, stage

from contextgen import ContextGenPipeline
from contextgen.codec import PatchCodec
from contextgen.training.config import Codec
from contextgen.training.objectives.selection import make_objective


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    return ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)


def test_a_new_codec_learns_to_give_pictures_back(pipe: ContextGenPipeline) -> None:
    torch.manual_seed(0)
    painter = ContextGenPipeline(**{**pipe.components, "vae": PatchCodec(8, (4, 8, 8, 8), 1)})
    objective = make_objective(painter, stage(objective=Codec(), batch=3), {}, False)
    given, optimizer = prepared(pipe), torch.optim.Adam(painter.vae.parameters(), 1e-2)
    first = loss_of(objective, given)
    for _ in range(30):
        optimizer.zero_grad()
        loss_of(objective, given).value.backward()
        optimizer.step()
    last = loss_of(objective, given)
    assert last.value.item() < 0.6 * first.value.item()
    assert last.figures["psnr"] > first.figures["psnr"] + 2


def test_the_codec_learns_with_noise_between_its_halves(pipe: ContextGenPipeline) -> None:
    torch.manual_seed(0)
    painter = ContextGenPipeline(**{**pipe.components, "vae": PatchCodec(8, (4, 8, 8, 8), 1)})
    objective, given = make_objective(painter, stage(objective=Codec(), batch=3), {}, False), prepared(pipe)
    losses = [loss_of(objective, given, seed).value.item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_another_codec_is_refused(pipe: ContextGenPipeline) -> None:
    with pytest.raises(ValueError, match="trains a PatchCodec; this model has an AutoencoderKL"):
        make_objective(pipe, stage(objective=Codec()), {}, False)
