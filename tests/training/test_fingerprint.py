"""A run goes on from the checkpoints of the versions before, and from none that were told otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contextgen.training.config import (
    Codec,
    Dpo,
    Flow,
    Folder,
    ImigData,
    Optimizer,
    Samples,
    Stage,
    Start,
    TrainConfig,
)
from contextgen.training.fingerprint import changes, resume_fingerprint

DATA = {"levels": {"plain": 1.0}, "sizes": [[256, 256, 1.0]], "counts": [1, 4], "hints": {"plain": 1.0}}
RATES = {"weight_decay": 0.01, "betas": [0.9, 0.99], "warmup": 0, "final_rate": 1.0}
STAGE = {  # as version 0.1 wrote every stage, whatever its objective
    "batch": 16,
    "accumulate": 1,
    "attention": "masked",
    "optimizer": {"name": "adamw", "learning_rate": None, **RATES},
    "clip": 0.5,
    "draws": 1,
    "text_drop": 0.2,
    "logit_mean": 0.0,
    "logit_std": 1.0,
    "box_weight": 0.0,
    "gradient_checkpointing": False,
    "ema": None,
    "beta": 1250.0,
    "data": DATA,
    "samples": None,
    "checkpoint_every": 1,
}
IMIG = {"folders": [{"path": "basic", "weight": 15}], "size": [768, 768]}
EARLIER = {
    "output": "",
    "start": {"model": None, "adapter": None, "new": {"steps": 12}},
    "stages": [
        {**STAGE, "name": "codec", "steps": 9, "objective": "codec", "attention": "exact"},
        {**STAGE, "name": "sft", "steps": 5, "objective": "flow", "text_drop": 0.1, "beta": 500.0, "data": IMIG},
        {**STAGE, "name": "pref", "steps": 0, "objective": "dpo", "beta": 100.0},
    ],
    "seed": 0,
    "precision": "bf16",
    "weights": None,
    "train_text_encoders": False,
    "workers": 0,
    "tensorboard": False,
}


def run(*stages: Stage, **changed: Any) -> TrainConfig:
    told = (
        Stage("codec", 9, Codec()),
        Stage("sft", 5, Flow(text_drop=0.1), data=ImigData((Folder(Path("elsewhere/basic"), 15),))),
        Stage("pref", 3, Dpo(beta=100.0)),
    )
    return TrainConfig(
        **{"output": Path("out"), "start": Start(new={"steps": 12}), "stages": stages or told, **changed}
    )


def test_a_run_begun_by_version_0_1_goes_on() -> None:
    """What it said of settings that an objective does not read decided nothing then, nor does it now."""
    assert changes(EARLIER, resume_fingerprint(run(), 2)) == []


def test_betas_that_nobody_stated_go_on_as_the_checkpoint_has_them() -> None:
    """Version 0.1 had its own. What a file states counts."""
    told = Stage("pref", 3, Dpo(beta=100.0), optimizer=Optimizer(betas=(0.9, 0.999)))
    assert changes(EARLIER, resume_fingerprint(run(*run().stages[:2], told), 2)) == ["stages[2].optimizer.betas[1]"]
    stated = resume_fingerprint(run(told), 0)
    assert changes(stated, resume_fingerprint(run(replace(told, optimizer=Optimizer())), 0)) != []
    same = replace(told, optimizer=Optimizer(betas=(0.9, 0.99)))
    assert changes(resume_fingerprint(run(same), 0), resume_fingerprint(run(same), 0)) == []


@pytest.mark.parametrize(
    ("stage", "key", "value"),
    [(0, "batch", 8), (1, "text_drop", 0.2), (1, "draws", 2), (2, "beta", 1250.0), (2, "objective", "flow")],
)
def test_what_counted_then_counts_now(stage: int, key: str, value: object) -> None:
    stages = [{**told, key: value} if index == stage else told for index, told in enumerate(EARLIER["stages"])]
    assert f"stages[{stage}].{key}" in changes({**EARLIER, "stages": stages}, resume_fingerprint(run(), 2))


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_setting_that_is_new_since_then_stands_as_where_nobody_names_it(stage: int) -> None:
    earlier = json.loads(json.dumps(EARLIER))
    for key in ("draws", "logit_mean", "logit_std"):
        del earlier["stages"][stage][key]
    del earlier["tensorboard"]
    assert changes(earlier, resume_fingerprint(run(), 2)) == []


def test_so_does_one_of_dpo_alone() -> None:
    (stated,) = resume_fingerprint(run(Stage("pref", 3, Dpo())), 0)["stages"]
    earlier = {**EARLIER, "stages": [{key: value for key, value in stated.items() if key != "beta"}]}
    assert changes(earlier, resume_fingerprint(run(Stage("pref", 3, Dpo())), 0)) == []
    assert changes(earlier, resume_fingerprint(run(Stage("pref", 3, Dpo(beta=2))), 0)) == ["stages[0].beta"]


def test_a_stage_is_told_as_a_file_states_it() -> None:
    (stated,) = resume_fingerprint(run(Stage("pref", 3, Dpo(beta=7.0))), 0)["stages"]
    assert (stated["objective"], stated["beta"], stated["steps"]) == ("dpo", 7.0, 0)
    assert "draws" not in stated


def test_what_may_change_between_two_runs_decides_nothing(tmp_path: Path) -> None:
    first = Stage("a", 5)
    before = run(first, Stage("b", 5), output=tmp_path / "x", start=Start(model="/here/base"))
    longer = replace(first, steps=9, samples=Samples(), checkpoint_every=7)
    second = Stage("b", 5, optimizer=Optimizer(warmup=2))
    now = run(longer, second, output=tmp_path / "y", start=Start(model="/there/base"), workers=0)
    assert resume_fingerprint(before, 0) == resume_fingerprint(now, 0)
    told = resume_fingerprint(before, 1)
    assert changes(told, resume_fingerprint(now, 1)) == ["stages[0].steps", "stages[1].optimizer.warmup"]
    assert json.loads(json.dumps(told)) == told
