"""One step of a stage, on the tiny real model."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from shapes import Shapes, config, stage

from contextgen.training.callbacks import Diverged
from contextgen.training.config import Flow
from contextgen.training.model_loading import open_model
from contextgen.training.preprocessing.samples import prepare
from contextgen.training.stage import Run, StageRun

pytestmark = pytest.mark.training


def test_gradients_are_clipped_and_activations_computed_again_where_asked_for(tmp_path: Path) -> None:
    told = config(tmp_path, stage(steps=1, clip=1e-3, objective=Flow(gradient_checkpointing=True)))
    accelerator = Accelerator(cpu=True)
    pipe, card = open_model(told, accelerator)
    run = StageRun(Run(told, pipe, accelerator, card), 0)
    assert pipe.transformer.is_gradient_checkpointing
    batch = [prepare(example, pipe.card) for example in Shapes().batch(0, 2)]
    record = run.take_step(list(run.ready(iter([batch]))), time.monotonic())
    gradients = [p.grad.flatten() for p in pipe.transformer.parameters() if p.grad is not None]
    assert record.gradient_norm > 1e-2
    assert torch.cat(gradients).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_a_gradient_that_is_no_number_moves_nothing(tmp_path: Path) -> None:
    told = config(tmp_path, stage(steps=1))
    accelerator = Accelerator(cpu=True)
    pipe, card = open_model(told, accelerator)
    run = StageRun(Run(told, pipe, accelerator, card), 0)
    weight = pipe.transformer.proj_out.weight
    weight.register_hook(lambda gradient: gradient * torch.nan)
    before = weight.detach().clone()
    batch = [prepare(example, pipe.card) for example in Shapes().batch(0, 2)]
    with pytest.raises(Diverged, match="norm"):
        run.take_step(list(run.ready(iter([batch]))), time.monotonic())
    assert torch.equal(weight, before)
