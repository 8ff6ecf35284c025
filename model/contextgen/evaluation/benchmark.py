"""The benchmark: every answer to every scene, measured; no model is known here, only answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation.metrics import AggregateMetrics
from contextgen.evaluation.synthetic.held_out_scenes import held_out_scene
from contextgen.evaluation.synthetic.scene_metrics import Ruler, SceneMetrics
from contextgen.evaluation.systems import System


@dataclass(frozen=True)
class Result:
    """The figures of one answer to one scene.

    Attributes:
        level, number: of the scene.
        answer: whose it is.
        seconds: what its picture took, if a model painted it.
    """

    level: str
    number: int
    answer: str
    figures: SceneMetrics
    seconds: float | None


@dataclass(frozen=True)
class Measured:
    """A result with all that it was found from."""

    result: Result
    scene: SyntheticScene
    picture: Image.Image


@dataclass(frozen=True)
class Row:
    """The averages of one answer over one level."""

    level: str
    answer: str
    averages: AggregateMetrics


def measured(answers: Sequence[System], levels: Sequence[str], scenes: int) -> Iterator[Measured]:
    """Every answer to the first `scenes` scenes of each level, scene by scene."""
    for level in levels:
        for number in range(scenes):
            scene = held_out_scene(level, number)
            ruler = Ruler(scene)
            for answer in answers:
                began = time.perf_counter()
                picture = answer.picture(scene, number)
                seconds = time.perf_counter() - began if answer.painted else None
                figures = ruler.measure(np.asarray(picture.convert("RGB")))
                yield Measured(Result(level, number, answer.name, figures, seconds), scene, picture)


def rows(found: Sequence[Result]) -> list[Row]:
    """The averages by level and answer, in the order in which they first occur."""
    groups: dict[tuple[str, str], list[tuple[SceneMetrics, float | None]]] = {}
    for one in found:
        groups.setdefault((one.level, one.answer), []).append((one.figures, one.seconds))
    return [
        Row(
            *key,
            AggregateMetrics.of([figures for figures, _ in group], [took for _, took in group if took is not None]),
        )
        for key, group in groups.items()
    ]
