"""The curves of a run as one picture: what `metrics.jsonl` holds, drawn with Pillow alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from contextgen.training.callbacks import METRICS, never_a_link

CURVES = "curves.png"
_WIDTH, _HEIGHT, _MARGIN, _LETTERS = 960, 180, 72, 13  # pixels of a panel
_GROUND, _INK, _FAINT, _LINE, _DOT = "#ffffff", "#1c1c1f", "#c8c8cc", "#b3261e", "#e3a9a5"
_MEMORY = 0.05  # weight of the newest step in the line
_MOST_DOTS = 4000
_PANELS = (("loss", "loss", True), ("gradient_norm", "gradient norm", True), ("learning_rate", "learning rate", False))

Step = dict[str, Any]  # a line of the metrics


@dataclass(frozen=True)
class Axis:
    """Values of one kind from the bottom of a panel to its top; `is_log`: by their logarithm."""

    low: float
    high: float
    is_log: bool

    @classmethod
    def of(cls, values: Sequence[float], is_log: bool) -> Axis:
        is_log = is_log and min(values) > 0
        low, high = min(values) if is_log else min(0.0, *values), max(values)
        return cls(low, high if high > low else low + max(abs(low), 1e-12), is_log)

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the bottom, 1 at the top."""
        low, high, value = (math.log(each) if self.is_log else each for each in (self.low, self.high, value))
        return (value - low) / (high - low)


def draw(folder: Path) -> Path | None:
    """Draw the curves of the run in `folder`, beside its metrics; None where there is no step to draw.

    Raises:
        OSError: the disk is full, or may not be written.
    """
    steps = list(_read(folder / METRICS))
    if not steps:
        return None
    picture = Image.new("RGB", (_WIDTH, len(_PANELS) * _HEIGHT), _GROUND)
    pen = ImageDraw.Draw(picture)
    pen.font = ImageFont.load_default(_LETTERS)
    for index, (key, title, is_log) in enumerate(_PANELS):
        _panel(pen, index * _HEIGHT, title, steps, [step[key] for step in steps], is_log)
    with open(folder / CURVES, "wb", opener=never_a_link) as stream:
        picture.save(stream, "PNG")
    return folder / CURVES


def _read(metrics: Path) -> Iterator[Step]:
    """The steps whose figures are numbers; a line that a crash cut short is passed over."""
    for line in metrics.read_text("utf-8").splitlines() if metrics.is_file() else ():
        try:
            step = json.loads(line)
            if all(math.isfinite(step[key]) for key in ("step", *(key for key, _, _ in _PANELS))):
                yield step
        except (ValueError, KeyError, TypeError):
            continue


def _panel(
    pen: ImageDraw.ImageDraw, top: int, title: str, steps: Sequence[Step], values: Sequence[float], is_log: bool
) -> None:
    """One kind of figure over the steps: every value a dot, their running mean the line."""
    axis = Axis.of(values, is_log)
    first, last = int(steps[0]["step"]), int(steps[-1]["step"])
    left, right, upper, lower = _MARGIN, _WIDTH - 12, top + 24, top + _HEIGHT - 24

    def x(step: float) -> float:
        return left + (right - left) * (step - first) / max(1, last - first)

    def y(value: float) -> float:
        return lower - (lower - upper) * axis.share(value)

    pen.text((left, top + 4), title, fill=_INK)
    for value in (axis.low, axis.high):
        pen.line((left, y(value), right, y(value)), fill=_FAINT)
        pen.text((left - 6, y(value)), f"{value:.3g}", fill=_INK, anchor="rm")
    pen.text((left, lower + 4), str(first), fill=_INK, anchor="lt")
    pen.text((right, lower + 4), str(last), fill=_INK, anchor="rt")
    for end in _stage_ends(steps):
        pen.line((x(end), upper, x(end), lower), fill=_FAINT)
    for step, value in list(zip(steps, values, strict=True))[:: max(1, len(steps) // _MOST_DOTS)]:
        pen.point((x(step["step"]), y(value)), fill=_DOT)
    means = _calmed(values)
    pen.line([(x(step["step"]), y(mean)) for step, mean in zip(steps, means, strict=True)], fill=_LINE, width=2)


def _stage_ends(steps: Sequence[Step]) -> Iterator[float]:
    for step, following in pairwise(steps):
        if step.get("stage") != following.get("stage"):
            yield (step["step"] + following["step"]) / 2


def _calmed(values: Sequence[float]) -> list[float]:
    means: list[float] = []
    for count, value in enumerate(values, start=1):
        mean = means[-1] if means else value
        means.append(mean + max(_MEMORY, 1 / count) * (value - mean))
    return means
