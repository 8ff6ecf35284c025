"""The objectives of the codec and of the text encoders, on small real parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from shapes import TINY, Shapes, stage

from contextgen import ContextGenPipeline
from contextgen.codec import PatchCodec
from contextgen.training.losses import make_objective
from contextgen.training.preparing import Prepared, prepare


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    return ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)


def samples(pipe: ContextGenPipeline, count: int = 3) -> list[Prepared]:
    return [prepare(example, pipe.card) for example in Shapes(1).batch(0, count)]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_a_new_codec_learns_to_give_pictures_back(pipe: ContextGenPipeline) -> None:
    torch.manual_seed(0)
    painter = ContextGenPipeline(**{**pipe.components, "vae": PatchCodec(8, (4, 8, 8, 8), 1)})
    objective = make_objective(painter, stage(objective="codec", batch=3), {}, False)
    given, optimizer = samples(pipe), torch.optim.Adam(painter.vae.parameters(), 1e-2)
    first = objective.loss(given, generator())
    for _ in range(30):
        optimizer.zero_grad()
        objective.loss(given, generator()).value.backward()
        optimizer.step()
    last = objective.loss(given, generator())
    assert last.value.item() < 0.6 * first.value.item()
    assert last.figures["psnr"] > first.figures["psnr"] + 2


def test_the_codec_learns_with_noise_between_its_halves(pipe: ContextGenPipeline) -> None:
    torch.manual_seed(0)
    painter = ContextGenPipeline(**{**pipe.components, "vae": PatchCodec(8, (4, 8, 8, 8), 1)})
    objective, given = make_objective(painter, stage(objective="codec", batch=3), {}, False), samples(pipe)
    losses = [objective.loss(given, torch.Generator().manual_seed(seed)).value.item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_another_codec_is_refused(pipe: ContextGenPipeline) -> None:
    with pytest.raises(ValueError, match="trains a PatchCodec; this model has an AutoencoderKL"):
        make_objective(pipe, stage(objective="codec"), {}, False)


def test_text_encoders_learn_the_grounds_colour_and_nothing_of_the_boxes(pipe: ContextGenPipeline) -> None:
    objective = make_objective(pipe, stage(objective="text", batch=3), {}, False)
    given = samples(pipe)
    told = objective.loss(given, generator())
    assert told.value.item() == pytest.approx(told.figures["clip"] + told.figures["t5"])
    assert told.value.item() > 0
    assert _loss(objective, [_painted(sample, inside=True) for sample in given]) == pytest.approx(told.value.item())
    assert _loss(objective, [_painted(sample, inside=False) for sample in given]) != pytest.approx(told.value.item())


def _loss(objective, given: list[Prepared]) -> float:
    return objective.loss(given, generator()).value.item()


def _painted(sample: Prepared, inside: bool) -> Prepared:
    """White in its boxes, whole tokens, or everywhere else."""
    grid = sample.boxed.reshape(sample.sequence.canvas.height, -1)
    side = sample.target.shape[0] // grid.shape[0]
    boxed = np.repeat(np.repeat(grid, side, 0), side, 1)
    return replace(sample, target=np.where((boxed == inside)[..., None], np.float32(1), sample.target))
