"""A small source of training examples: a coloured shape on a coloured ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from contextgen import ContextGenPipeline
from contextgen.data.example import Example
from contextgen.method.layout import Instance
from contextgen.training.callbacks import StepRecord
from contextgen.training.config import Optimizer, Stage, Start, TrainConfig
from contextgen.training.objectives.objective import Loss, Objective
from contextgen.training.preprocessing.samples import Prepared, prepare

TINY = Path(__file__).parent / "golden" / "tiny-kontext"


@dataclass(frozen=True)
class Shapes:
    """Discs in boxes; `distinct` limits how many different pictures there are."""

    seed: int = 0
    size: tuple[int, int] = (64, 48)
    distinct: int = 1 << 40

    def batch(self, index: int, size: int) -> list[Example]:
        return [self._draw((index * size + i) % self.distinct) for i in range(size)]

    def _draw(self, number: int) -> Example:
        rng = np.random.default_rng([self.seed, number])
        target = Image.new("RGB", self.size, tuple(int(v) for v in rng.integers(0, 256, 3)))
        instances = []
        for _ in range(1 + number % 2):
            left, top = (int(rng.integers(0, side - 32)) for side in self.size)
            reference = Image.new("RGBA", (40, 40))
            ImageDraw.Draw(reference).ellipse((4, 4, 36, 36), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
            box = (left, top, left + 32, top + 32)
            target.paste(reference.resize((32, 32)), box, reference.resize((32, 32)))
            instances.append(Instance(reference, box=box))
        return Example(f"shape {number}", f"{len(instances)} discs on a ground", target, tuple(instances))


class Notes:
    """A watcher that remembers; `stop_after` steps it asks the run to stop."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.records: list[StepRecord] = []
        self.words: list[str] = []
        self._stop_after = stop_after

    def stage_started(self, name: str, done: int, steps: int) -> None:
        self.words.append(f"{name}: {done} of {steps}")

    def stepped(self, record: StepRecord) -> None:
        self.records.append(record)

    def told(self, words: str) -> None:
        self.words.append(words)

    def stop_asked(self) -> bool:
        return self._stop_after is not None and len(self.records) >= self._stop_after

    @property
    def losses(self) -> list[float]:
        return [record.loss for record in self.records]


def stage(**changes: Any) -> Stage:
    defaults = {
        "name": "sft",
        "steps": 6,
        "batch": 2,
        "optimizer": Optimizer(learning_rate=1e-3),
        "ema": 0.9,
        "checkpoint_every": 2,
    }
    return Stage(**{**defaults, **changes})


def config(output: Path, *stages: Stage, **changes: Any) -> TrainConfig:
    defaults = {"start": Start(model=str(TINY)), "seed": 3, "precision": "float32", "workers": 0}
    return TrainConfig(**{**defaults, **changes, "output": output, "stages": stages or (stage(),)})


def prepared(pipe: ContextGenPipeline, count: int = 3) -> list[Prepared]:
    return [prepare(example, pipe.card) for example in Shapes(1).batch(0, count)]


def loss_of(objective: Objective, given: Sequence[Prepared], seed: int = 5) -> Loss:
    return objective.loss(objective.ready(given), torch.Generator().manual_seed(seed))


def open_shapes(data: object, seed: int) -> Shapes:
    """What a run draws its examples from, whatever its stage asks for."""
    return Shapes(seed)
