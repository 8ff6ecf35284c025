"""What a run tells whoever watches it, and how it notices that it goes wrong."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

METRICS = "metrics.jsonl"  # in the output folder, a line a step
_ON_BOARD = ("loss", "learning_rate", "gradient_norm", "samples_per_second")
_MEMORY = 50  # steps that the running mean of the loss looks back
_DIVERGED = 4.0  # times the best running mean


class Diverged(RuntimeError):
    """The loss is no number, or has risen for good. The last checkpoint is from before."""


@dataclass(frozen=True)
class StepRecord:
    """One step's figures: a line of `metrics.jsonl`.

    Attributes:
        step: steps done in the whole run.
        stage_step, stage_steps: done and to do in this stage.
        seconds: since the step before.
    """

    step: int
    stage: str
    stage_step: int
    stage_steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    samples_per_second: float
    seconds: float
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def as_json(self) -> dict[str, Any]:
        """Flat, the objective's own figures beside the others."""
        told = asdict(self)
        figures = told.pop("figures")
        return {**told, **figures}


class Watcher(Protocol):
    """Whoever watches a run; called in the main process only, but for `stop_asked`."""

    def stage_started(self, name: str, done: int, steps: int) -> None:
        """A stage begins, or goes on, with so many steps done."""
        ...

    def stepped(self, record: StepRecord) -> None:
        """A step is done."""
        ...

    def told(self, words: str) -> None:
        """Something worth knowing: resumed, saved, painted."""
        ...

    def stop_asked(self) -> bool:
        """Whether the run should save and end after the step at work."""
        ...


@dataclass
class Monitor:
    """Notices a loss that is no number or has left its best for good. Its fields are part of a checkpoint."""

    mean: float | None = None
    best: float = math.inf
    steps: int = 0
    above: int = 0

    def take(self, loss: float, baseline_loss: float = 0.0) -> None:
        """Take in a step's loss.

        Args:
            baseline_loss: a loss that is no sign of trouble, however small it has been.

        Raises:
            Diverged: the run should end.
        """
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss}")
        self.steps += 1
        self.mean = loss if self.mean is None else self.mean + (loss - self.mean) / min(self.steps, _MEMORY)
        if self.steps >= _MEMORY:
            self.best = min(self.best, self.mean)
        self.above = self.above + 1 if self.mean > _DIVERGED * max(self.best, baseline_loss) else 0
        if self.above >= _MEMORY:
            raise Diverged(f"the loss has risen to {self.mean:.4g} from {self.best:.4g} and stays there")


class Metrics:
    """`metrics.jsonl`, one line a step, and TensorBoard's files beside it; lines that a resumed run repeats go."""

    def __init__(self, folder: Path, step: int, *, tensorboard: bool = False) -> None:
        self._file = file = folder / METRICS
        folder.mkdir(parents=True, exist_ok=True)
        self._board = _open_board(folder / "tensorboard", step) if tensorboard else None
        if file.exists():
            kept = [line for line in file.read_text("utf-8").splitlines() if _step_of(line) <= step]
            with open(file, "w", encoding="utf-8", opener=never_a_link) as stream:
                stream.writelines(f"{line}\n" for line in kept)

    def add(self, record: StepRecord) -> None:
        """Write a step."""
        with open(self._file, "a", encoding="utf-8", opener=never_a_link) as stream:
            stream.write(json.dumps(record.as_json) + "\n")
        if self._board is not None:
            for name in _ON_BOARD:
                self._board.add_scalar(f"{record.stage}/{name}", record.as_json[name], record.step)
            for name, figure in record.figures.items():
                self._board.add_scalar(f"{record.stage}/{name}", figure, record.step)


def never_a_link(path: str, flags: int) -> int:
    """An opener for `open`: where several write into one folder, nobody's link shall choose which file is written to.

    Raises:
        OSError: it is a link.
    """
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _open_board(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, purge_step=step + 1)


def _step_of(line: str) -> float:
    """The step of a line; one that a crash cut short is dropped."""
    try:
        return int(json.loads(line)["step"])
    except ValueError:
        return math.inf
