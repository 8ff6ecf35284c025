"""Checkpoints are written whole or not at all, and read as they were written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from shapes import Notes, config, open_shapes, stage

from contextgen.training import checkpointing
from contextgen.training.callbacks import Monitor
from contextgen.training.checkpointing import Progress
from contextgen.training.trainer import train
from contextgen.weights.checkpoint_errors import FolderIncomplete

pytestmark = pytest.mark.training


def kept(output: Path) -> list[Path]:
    return sorted((output / "checkpoints").iterdir())


def progress(step: int, *, stage_done: bool = False) -> Progress:
    return Progress(step, 0, step, stage_done, {"seed": 1}, Monitor(mean=0.5, steps=step), {"state": {}})


def write(folder: Path, told: Progress, save_result=lambda folder: (folder / "model").mkdir()) -> Path:
    weights = {"transformer.a": torch.full((2, 2), float(told.step))}
    return checkpointing.write(folder, told, weights, None, {"0.step": torch.ones(1)}, save_result)


def test_what_a_killed_run_left_half_written_goes(tmp_path: Path) -> None:
    for name in ("000001.writing", "000009.removing"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    train(config(tmp_path, stage(steps=1)), Notes(), open_shapes)
    assert [path.name for path in kept(tmp_path)] == ["000001"]


def test_only_the_newest_checkpoints_stay_and_each_stages_last(tmp_path: Path) -> None:
    train(
        config(tmp_path, stage(steps=2, checkpoint_every=1), stage(name="b", checkpoint_every=1)), Notes(), open_shapes
    )
    assert [path.name for path in kept(tmp_path)] == ["000002", "000007", "000008"]


@pytest.mark.parametrize("name", ["resume_fingerprint", "decisive"])
def test_progress_is_read_as_it_was_written_also_under_its_older_name(tmp_path: Path, name: str) -> None:
    checkpoint = write(tmp_path, progress(3))
    file = checkpoint / "progress.json"
    stated = json.loads(file.read_text())
    stated[name] = stated.pop("resume_fingerprint")
    file.write_text(json.dumps(stated))
    assert checkpointing.latest(tmp_path) == checkpoint
    assert checkpointing.read_progress(checkpoint) == progress(3)
    assert checkpointing.read_weights(checkpoint)["transformer.a"].tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert (checkpoint / "model").is_dir()


def test_what_fails_on_the_way_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    before = write(tmp_path, progress(1))

    def fails(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write(tmp_path, progress(2), fails)
    assert checkpointing.latest(tmp_path) == before
    write(tmp_path, progress(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001", "000002"]


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        assert {entry.stat().st_ino for entry in (path, *path.rglob("*"))} <= set(synced)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    checkpoint = write(tmp_path, progress(1), lambda folder: (folder / "result").write_text("is in it"))
    assert (checkpoint / "result").is_file() and synced[-1] == tmp_path.stat().st_ino


def test_averages_stand_for_the_weights_they_are_of(tmp_path: Path) -> None:
    weights = {"a": torch.zeros(1), "b": torch.zeros(1)}
    checkpoint = checkpointing.write(tmp_path, progress(1), weights, {"a": torch.ones(1)}, {}, lambda folder: None)
    assert {name: value.item() for name, value in checkpointing.result_of(checkpoint).items()} == {"a": 1, "b": 0}


def test_an_optimizers_state_is_taken_apart_and_put_together() -> None:
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    plain, tensors = checkpointing.split_state(optimizer.state_dict())
    again = checkpointing.join_state(json.loads(json.dumps(plain)), tensors)
    optimizer.load_state_dict(again)
    before, after = optimizer.state_dict()["state"], again["state"]
    assert before.keys() == after.keys() == {0, 1}
    assert torch.equal(before[0]["exp_avg"], after[0]["exp_avg"]) and after[0]["exp_avg"].abs().sum() > 0


def spoil(file: Path) -> None:
    tensors = load_file(file)
    first = sorted(tensors)[0]
    save_file({**tensors, first: torch.full_like(tensors[first], torch.nan)}, file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda checkpoint: spoil(checkpoint / "weights.safetensors"), "weights.safetensors: transformer.* holds NaN"),
        (lambda checkpoint: spoil(checkpoint / "optimizer.safetensors"), "optimizer.safetensors: 0.* holds NaN"),
        (lambda checkpoint: os.truncate(checkpoint / "weights.safetensors", 99), "weights.safetensors: not a whole"),
        (lambda checkpoint: (checkpoint / "optimizer.safetensors").unlink(), "optimizer.safetensors: no regular file"),
        (lambda checkpoint: (checkpoint / "progress.json").write_text("{}"), "progress.json: not where a run stands"),
        (
            lambda checkpoint: (checkpoint / "progress.json").write_text("[" * 10**5),
            "progress.json: .* nested too deeply",
        ),
    ],
)
def test_a_broken_checkpoint_is_named_with_what_is_wrong(tmp_path: Path, change, words: str) -> None:
    run = config(tmp_path, stage(steps=2, checkpoint_every=1))
    train(run, Notes(stop_after=1), open_shapes)
    (checkpoint,) = kept(tmp_path)
    change(checkpoint)
    with pytest.raises(FolderIncomplete, match=words) as refused:
        train(run, Notes(), open_shapes)
    assert "Remove this checkpoint" in refused.value.hint
