"""The objectives of the codec and of the text encoders, on small real parts."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from shapes import TINY, Shapes, stage

from contextgen import ContextGenPipeline
from contextgen.codec import PatchCodec
from contextgen.training.objectives.flow_objective import Objective, make_objective
from contextgen.training.objectives.formulas import Loss
from contextgen.training.preprocessing.samples import Prepared, ahead, prepare


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    return ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)


def samples(pipe: ContextGenPipeline, count: int = 3) -> list[Prepared]:
    return [prepare(example, pipe.card) for example in Shapes(1).batch(0, count)]


def told_of(objective: Objective, given: list[Prepared], seed: int = 5) -> Loss:
    return objective.loss(objective.ready(given), torch.Generator().manual_seed(seed))


def test_a_new_codec_learns_to_give_pictures_back(pipe: ContextGenPipeline) -> None:
    torch.manual_seed(0)
    painter = ContextGenPipeline(**{**pipe.components, "vae": PatchCodec(8, (4, 8, 8, 8), 1)})
    objective = make_objective(painter, stage(objective="codec", batch=3), {}, False)
    given, optimizer = samples(pipe), torch.optim.Adam(painter.vae.parameters(), 1e-2)
    first = told_of(objective, given)
    for _ in range(30):
        optimizer.zero_grad()
        told_of(objective, given).value.backward()
        optimizer.step()
    last = told_of(objective, given)
    assert last.value.item() < 0.6 * first.value.item()
    assert last.figures["psnr"] > first.figures["psnr"] + 2


def test_the_codec_learns_with_noise_between_its_halves(pipe: ContextGenPipeline) -> None:
    torch.manual_seed(0)
    painter = ContextGenPipeline(**{**pipe.components, "vae": PatchCodec(8, (4, 8, 8, 8), 1)})
    objective, given = make_objective(painter, stage(objective="codec", batch=3), {}, False), samples(pipe)
    losses = [told_of(objective, given, seed).value.item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_items_ahead_are_the_same_and_made_before_they_are_asked_for() -> None:
    second_is_made = threading.Event()

    def items():
        yield 1
        second_is_made.set()
        yield 2
        raise OSError("the disk is gone")

    coming = ahead(items())
    assert next(coming) == 1
    assert second_is_made.wait(10)
    assert next(coming) == 2
    with pytest.raises(OSError, match="the disk is gone"):
        next(coming)


def test_another_codec_is_refused(pipe: ContextGenPipeline) -> None:
    with pytest.raises(ValueError, match="trains a PatchCodec; this model has an AutoencoderKL"):
        make_objective(pipe, stage(objective="codec"), {}, False)


def test_text_encoders_learn_the_grounds_colour_and_nothing_of_the_boxes(pipe: ContextGenPipeline) -> None:
    objective = make_objective(pipe, stage(objective="text", batch=3), {}, False)
    given = samples(pipe)
    told = told_of(objective, given)
    assert told.value.item() == pytest.approx(told.figures["clip"] + told.figures["t5"])
    assert told.value.item() > 0
    assert _loss(objective, [_painted(sample, inside=True) for sample in given]) == pytest.approx(told.value.item())
    assert _loss(objective, [_painted(sample, inside=False) for sample in given]) != pytest.approx(told.value.item())


def _loss(objective, given: list[Prepared]) -> float:
    return told_of(objective, given).value.item()


def _painted(sample: Prepared, inside: bool) -> Prepared:
    """White in its boxes, whole tokens, or everywhere else."""
    grid = sample.boxed.reshape(sample.sequence.canvas.height, -1)
    side = sample.target.shape[0] // grid.shape[0]
    boxed = np.repeat(np.repeat(grid, side, 0), side, 1)
    return replace(sample, target=np.where((boxed == inside)[..., None], np.float32(1), sample.target))
