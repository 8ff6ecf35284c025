"""Runs as a user starts them: killed, interrupted and gone on with; and several processes."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from shapes import TINY
from waiting import DEADLINE, wait_until

from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED

pytestmark = pytest.mark.training

TESTS = Path(__file__).parents[1]
STEPS = 12


def write_run(folder: Path) -> Path:
    told = {
        "version": 1,
        "output": "out",
        "start": {"model": str(TINY)},
        "precision": "float32",
        "workers": 1,
        "stages": [
            {
                "name": "sft",
                "steps": STEPS,
                "batch": 1,
                "ema": 0.9,
                "checkpoint_every": 1,
                "data": {"synth": {"sizes": [[64, 64, 1]], "counts": [1, 1]}},
            }
        ],
    }
    folder.mkdir()
    (folder / "run.yaml").write_text(yaml.safe_dump(told))
    return folder / "run.yaml"


def start(run: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "contextgen_cli", "train", str(run), "--device", "cpu", "--progress", "plain"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_steps(run: Path, count: int) -> None:
    """Until so many checkpoints have been written; then a random moment longer."""

    def written() -> bool:
        found = [int(path.name) for path in run.parent.glob("out/checkpoints/*") if path.name.isdigit()]
        return max(found, default=0) >= count

    wait_until(written, f"the checkpoint of step {count}")
    time.sleep(random.random() * 0.2)


def test_killed_and_interrupted_runs_come_to_the_same_weights(tmp_path: Path) -> None:
    whole, parts = write_run(tmp_path / "whole"), write_run(tmp_path / "parts")
    uninterrupted = start(whole)
    assert uninterrupted.wait(DEADLINE) == EXIT_DONE

    killed = start(parts)
    wait_for_steps(parts, 2)
    killed.kill()
    killed.communicate()
    assert not (parts.parent / "out" / "model").exists()

    interrupted = start(parts)
    wait_for_steps(parts, 6)
    interrupted.send_signal(signal.SIGTERM)
    words = interrupted.communicate(timeout=DEADLINE)[1]
    assert interrupted.returncode == EXIT_INTERRUPTED, words
    assert "going on from" in words and "the same command goes on" in words

    last = start(parts)
    out, words = last.communicate(timeout=DEADLINE)
    assert last.returncode == EXIT_DONE, words
    assert Path(out.strip()) == parts.parent / "out" / "model"
    assert _weights(parts).keys() == _weights(whole).keys()
    assert all(torch.equal(tensor, _weights(whole)[name]) for name, tensor in _weights(parts).items())


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run.parent / "out" / "checkpoints" / f"{STEPS:06d}" / "weights.safetensors")


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    path = os.pathsep.join([str(TESTS), *sys.path])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, str(TESTS / "training" / "two_ranks.py"), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert result["ranks"] == 2 and result["equal"]
    assert sorted(result["taken"]) == [0, 1, 2, 3]  # no sample twice
    assert result["ending"] == "finished" and result["steps"] == 2
    assert all(math.isfinite(loss) for loss in result["losses"])


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
