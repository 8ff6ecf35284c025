"""Checkpoints: everything a run needs to go on to the bit, in safetensors and JSON, written whole or not at all.

`checkpoints/000500/` holds
    progress.json            where the run stands, and what has determined the weights so far
    weights.safetensors      every parameter trained so far, float32
    average.safetensors      their running averages, where the stage keeps them
    optimizer.safetensors    the optimizer's tensors
    model/ or adapter/       what rendering takes, with the averages where there are any
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from contextgen.backends.finite import is_finite
from contextgen.training.callbacks import Monitor
from contextgen.weights.checkpoint_errors import FolderIncomplete
from contextgen.weights.json_files import read_object
from contextgen.weights.safetensors_files import read_header

_KEPT = 2
_WITHOUT_IT = "Remove this checkpoint: the run goes on from the one before."
_WRITING, _REMOVING = ".writing", ".removing"
_PROGRESS, _WEIGHTS, _AVERAGE, _OPTIMIZER = (
    "progress.json",
    "weights.safetensors",
    "average.safetensors",
    "optimizer.safetensors",
)

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: steps done in the whole run.
        stage, stage_step: index of the stage, steps done in it.
        resume_fingerprint: `contextgen.training.fingerprint` of the run so far.
        optimizer: what of the optimizer's state is no tensor.
    """

    step: int
    stage: int
    stage_step: int
    stage_done: bool
    resume_fingerprint: Mapping[str, Any]
    monitor: Monitor
    optimizer: Mapping[str, Any]


def write(
    folder: Path,
    progress: Progress,
    weights: Tensors,
    average: Tensors | None,
    optimizer: Tensors,
    save_result: Callable[[Path], None],
) -> Path:
    """Write a checkpoint under another name, sync it, and only then give it its own; old ones go.

    Args:
        folder: of all checkpoints.
        save_result: writes what rendering takes into the folder it is given.

    Raises:
        OSError: the disk is full, or may not be written.
    """
    final = folder / name_of(progress.step)

    def fill(new: Path) -> None:
        save_file(_plain(weights), new / _WEIGHTS)
        save_file(_plain(optimizer), new / _OPTIMIZER)
        if average is not None:
            save_file(_plain(average), new / _AVERAGE)
        save_result(new)
        (new / _PROGRESS).write_text(json.dumps(asdict(progress)), "utf-8")

    write_whole(final, fill)
    _drop_old(folder)
    return final


def latest(folder: Path) -> Path | None:
    """The newest checkpoint of a run."""
    found = _all(folder)
    return found[-1] if found else None


def read_progress(checkpoint: Path) -> Progress:
    """Where a checkpoint stands.

    Raises:
        FolderIncomplete: it does not say.
    """
    try:
        stated = read_object(checkpoint / _PROGRESS)
        fingerprint = stated.pop("decisive", None) or stated.pop("resume_fingerprint")  # its name in 0.1, and since
        return Progress(**{**stated, "resume_fingerprint": fingerprint, "monitor": Monitor(**stated["monitor"])})
    except (ValueError, KeyError, TypeError) as problem:
        raise FolderIncomplete(f"{checkpoint / _PROGRESS}: not where a run stands: {problem}", _WITHOUT_IT) from problem


def name_of(step: int) -> str:
    """The name of the checkpoint after so many steps of the run."""
    return f"{step:06d}"


def result_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The weights that a stage left behind: the averages, where it kept any."""
    averages = read_average(checkpoint) if (checkpoint / _AVERAGE).exists() else {}
    return {**read_weights(checkpoint), **averages}


def read_weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The trained parameters of a checkpoint."""
    return _read(checkpoint / _WEIGHTS)


def read_average(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The averaged parameters of a checkpoint whose stage keeps an average."""
    return _read(checkpoint / _AVERAGE)


def read_optimizer(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The optimizer's tensors of a checkpoint."""
    return _read(checkpoint / _OPTIMIZER)


def split_state(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """An optimizer's state as JSON and as tensors named `<parameter>.<entry>`."""
    tensors = {
        f"{index}.{name}": value
        for index, entries in state["state"].items()
        for name, value in entries.items()
        if isinstance(value, torch.Tensor)
    }
    plain = {
        str(index): {name: value for name, value in entries.items() if not isinstance(value, torch.Tensor)}
        for index, entries in state["state"].items()
    }
    groups = [{name: _number(value) for name, value in group.items()} for group in state["param_groups"]]
    return {"state": plain, "param_groups": groups}, tensors


def join_state(plain: Mapping[str, Any], tensors: Tensors) -> dict[str, Any]:
    """What `split_state` took apart."""
    state = {int(index): dict(entries) for index, entries in plain["state"].items()}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state[int(index)][name] = tensor
    return {"state": state, "param_groups": plain["param_groups"]}


def write_whole(final: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a folder under another name, sync it, and only then put it in its place."""
    new = final.with_name(f"{final.name}{_WRITING}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    fill(new)
    for path in (*new.rglob("*"), new):
        _sync(path)
    if final.exists():
        _remove(final)
    new.rename(final)
    _sync(final.parent)


def _read(file: Path) -> dict[str, torch.Tensor]:
    try:
        read_header(file)
        tensors = load_file(file)
    except ValueError as problem:
        raise FolderIncomplete(f"{file.parent}: {problem}", _WITHOUT_IT) from problem
    if broken := next((name for name, tensor in tensors.items() if not is_finite(tensor)), None):
        raise FolderIncomplete(f"{file}: {broken} holds NaN or infinity", _WITHOUT_IT)
    return tensors


def _drop_old(folder: Path) -> None:
    """Keep the newest, and the last of every stage; what a killed run left half done goes too."""
    for unfinished in (*folder.glob(f"*{_WRITING}"), *folder.glob(f"*{_REMOVING}")):
        shutil.rmtree(unfinished, ignore_errors=True)
    for checkpoint in _all(folder)[:-_KEPT]:
        if not read_progress(checkpoint).stage_done:
            _remove(checkpoint)


def _all(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("[0-9]*") if path.name.isdigit()), key=lambda path: int(path.name))


def _remove(folder: Path) -> None:
    """Never leave half a folder under its own name."""
    leaving = folder.with_name(f"{folder.name}{_REMOVING}")
    shutil.rmtree(leaving, ignore_errors=True)
    folder.rename(leaving)
    shutil.rmtree(leaving)


def _plain(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
