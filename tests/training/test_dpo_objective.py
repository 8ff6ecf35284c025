"""Diffusion-DPO on the tiny real model."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from shapes import TINY, loss_of, prepared, stage

from contextgen import ContextGenPipeline
from contextgen.training.config import Dpo, Flow
from contextgen.training.model_loading import freeze, parameters_of
from contextgen.training.objectives.flow_objective import FlowMatching
from contextgen.training.objectives.selection import make_objective
from contextgen.training.preprocessing.samples import Prepared


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)
    freeze(pipe, parameters_of(pipe, ("transformer",), None).values())
    return pipe


def test_preference_begins_undecided_and_learns_to_prefer_the_target(pipe: ContextGenPipeline) -> None:
    moving = parameters_of(pipe, ("transformer",), None)
    before = {name: parameter.detach().clone() for name, parameter in moving.items()}
    objective = make_objective(pipe, stage(objective=Dpo(beta=100.0), batch=3), moving, False)
    layouts = [replace(sample, target=sample.layout) for sample in prepared(pipe)]
    with torch.no_grad():
        target_error, layout_error = flow_loss(pipe, prepared(pipe)), flow_loss(pipe, layouts)
    assert loss_of(objective, prepared(pipe)).value.item() == pytest.approx(math.log(2), abs=1e-5)
    optimizer = torch.optim.SGD(moving.values(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        loss_of(objective, prepared(pipe)).value.backward()
        optimizer.step()
    learned = loss_of(objective, prepared(pipe))
    assert learned.value.item() < math.log(2) - 0.01
    assert learned.figures["preferred"] > 0.5
    with torch.no_grad():
        assert flow_loss(pipe, prepared(pipe)) - target_error < flow_loss(pipe, layouts) - layout_error
        for name, parameter in moving.items():
            parameter.copy_(before[name])


def flow_loss(pipe: ContextGenPipeline, given: list[Prepared]) -> float:
    objective = FlowMatching(pipe, Flow(text_drop=0), len(given))
    return loss_of(objective, given).value.item()
