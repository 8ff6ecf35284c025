"""What a run tells whoever watches it, and how it notices that it goes wrong."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from contextgen.training.callbacks import Diverged, Metrics, Monitor, StepRecord

RECORD = StepRecord(1, "sft", 1, 9, 0.5, 1e-3, 2.0, 8.0, 0.25, {"psnr": 30.0})


def test_a_loss_that_rises_for_good_is_noticed_and_a_spike_is_not() -> None:
    monitor = Monitor()
    for loss in [1.0] * 100 + [50.0] + [1.0] * 100:
        monitor.take(loss)
    with pytest.raises(Diverged):
        for _ in range(200):
            monitor.take(5.0)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_noticed_at_once(loss: float) -> None:
    with pytest.raises(Diverged, match="the loss is"):
        Monitor().take(loss)


def test_a_loss_below_that_of_no_training_is_no_trouble() -> None:
    """Preference begins at log 2; falling far below that and coming back is not divergence."""
    monitor = Monitor()
    for loss in [0.01] * 100 + [0.6] * 100:
        monitor.take(loss, baseline_loss=math.log(2))
    with pytest.raises(Diverged):
        for _ in range(200):
            monitor.take(3.0, baseline_loss=math.log(2))


def test_lines_that_a_resumed_run_repeats_go_and_so_does_one_cut_short(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, 0)
    for step in (1, 2, 3):
        metrics.add(replace(RECORD, step=step))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    resumed = Metrics(tmp_path, 2)
    resumed.add(replace(RECORD, step=3, loss=0.25))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 0.5), (2, 0.5), (3, 0.25)]
    assert lines[0]["psnr"] == 30 and "figures" not in lines[0]


@pytest.mark.skipif(os.name == "nt", reason="needs rights for links")
def test_metrics_are_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text('{"step": 1}\n')
    metrics = Metrics(tmp_path, 0)
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        metrics.add(RECORD)
    with pytest.raises(OSError):
        Metrics(tmp_path, 0)
    assert (tmp_path / "victim").read_text() == '{"step": 1}\n'
