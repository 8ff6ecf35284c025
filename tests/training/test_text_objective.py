"""The text encoders' objective, on the tiny real model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from shapes import TINY, loss_of, prepared, stage

from contextgen import ContextGenPipeline
from contextgen.training.config import Text
from contextgen.training.objectives.selection import make_objective
from contextgen.training.preprocessing.samples import Prepared


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    return ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)


def test_text_encoders_learn_the_grounds_colour_and_nothing_of_the_boxes(pipe: ContextGenPipeline) -> None:
    objective = make_objective(pipe, stage(objective=Text(), batch=3), {}, False)
    given = prepared(pipe)
    told = loss_of(objective, given)
    assert told.value.item() == pytest.approx(told.figures["clip"] + told.figures["t5"])
    assert told.value.item() > 0
    in_boxes, elsewhere = ([_painted(sample, inside=inside) for sample in given] for inside in (True, False))
    assert loss_of(objective, in_boxes).value.item() == pytest.approx(told.value.item())
    assert loss_of(objective, elsewhere).value.item() != pytest.approx(told.value.item())


def _painted(sample: Prepared, inside: bool) -> Prepared:
    """White in its boxes, whole tokens, or everywhere else."""
    grid = sample.boxed.reshape(sample.sequence.canvas.height, -1)
    side = sample.target.shape[0] // grid.shape[0]
    boxed = np.repeat(np.repeat(grid, side, 0), side, 1)
    return replace(sample, target=np.where((boxed == inside)[..., None], np.float32(1), sample.target))
