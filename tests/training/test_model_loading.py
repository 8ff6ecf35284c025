"""The model that a run begins with, and which of its parameters move."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from shapes import TINY, config

from contextgen.training.config import Lora, Start
from contextgen.training.model_loading import freeze, open_model, parameters_of


def test_a_new_model_counts_from_the_first_checkpoint_on(tmp_path: Path) -> None:
    """Until then the file may still be given another geometry or seed."""
    run = config(tmp_path, start=Start(new={"no-such-size": 1}))
    shutil.copytree(TINY, tmp_path / "start")
    pipe, _ = open_model(run, Accelerator(cpu=True), begun=True)
    assert pipe.transformer is not None
    with pytest.raises(ValueError, match="unknown key 'no-such-size'"):
        open_model(run, Accelerator(cpu=True), begun=False)


def test_what_moves_is_what_a_stage_trains_and_nothing_else(tmp_path: Path) -> None:
    pipe, card = open_model(config(tmp_path), Accelerator(cpu=True))
    assert card is None
    moving = parameters_of(pipe, ("vae", "text_encoder"), None)
    assert {name.split(".")[0] for name in moving} == {"vae", "text_encoder"}
    freeze(pipe, moving.values())
    assert all(parameter.requires_grad for parameter in pipe.vae.parameters())
    assert not any(parameter.requires_grad for parameter in pipe.transformer.parameters())


def test_under_lora_the_adapter_alone_moves_in_float32(tmp_path: Path) -> None:
    lora = Lora(rank=4, alpha=8)
    pipe, _ = open_model(config(tmp_path, weights=lora, precision="bf16"), Accelerator(cpu=True))
    moving = parameters_of(pipe, ("transformer",), lora)
    assert moving and all(".lora_" in name for name in moving)
    assert {parameter.dtype for parameter in moving.values()} == {torch.float32}
    assert pipe.transformer.proj_out.weight.dtype is torch.bfloat16


def test_an_adapter_of_another_rank_is_refused(tmp_path: Path) -> None:
    start = Start(model=str(TINY), adapter=str(TINY / "adapter"))
    with pytest.raises(ValueError, match=r"rank is .* the run's 3: they must be the same"):
        open_model(config(tmp_path, weights=Lora(rank=3), start=start), Accelerator(cpu=True))
