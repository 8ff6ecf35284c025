"""The curves of a run as one picture: what `metrics.jsonl` holds, drawn with Pillow alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from contextgen.training.callbacks import METRICS, never_a_link

CURVES = "curves.png"
_WIDTH, _HEIGHT, _MARGIN, _PADDING, _LETTERS = 960, 180, 72, 24, 13  # pixels of a panel
_RIGHT = _WIDTH - 12
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
    """Draw the curves of the run in `folder`, beside its metrics; None where there is no step that they lack.

    Raises:
        OSError: the disk is full, or may not be written.
    """
    metrics, curves = folder / METRICS, folder / CURVES
    if curves.is_file() and metrics.is_file() and curves.stat().st_mtime_ns >= metrics.stat().st_mtime_ns:
        return None
    steps = list(_read(metrics))
    if not steps:
        return None
    picture = Image.new("RGB", (_WIDTH, len(_PANELS) * _HEIGHT), _GROUND)
    pen = ImageDraw.Draw(picture)
    pen.font = ImageFont.load_default(_LETTERS)
    for index, (key, title, is_log) in enumerate(_PANELS):
        points = [(int(step["step"]), float(step[key])) for step in steps]
        axis = Axis.of([value for _, value in points], is_log)
        panel = Panel(pen, index * _HEIGHT, axis, points[0][0], points[-1][0])
        panel.frame(title, _stage_ends(steps))
        panel.curve(points)
    with open(curves, "wb", opener=never_a_link) as stream:
        picture.save(stream, "PNG")
    return curves


def _read(metrics: Path) -> Iterator[Step]:
    """The steps whose figures are numbers; a line that a crash cut short is passed over."""
    for line in metrics.read_text("utf-8", errors="replace").splitlines() if metrics.is_file() else ():
        try:
            step = json.loads(line)
            if all(math.isfinite(step[key]) for key in ("step", *(key for key, _, _ in _PANELS))):
                yield step
        except (ValueError, KeyError, TypeError, OverflowError):
            continue


@dataclass(frozen=True)
class Panel:
    """Where one kind of figure is drawn: below `top`, over the steps from the `first` to the `last`."""

    pen: ImageDraw.ImageDraw
    top: int
    axis: Axis
    first: int
    last: int

    def x(self, step: float) -> float:
        return _MARGIN + (_RIGHT - _MARGIN) * (step - self.first) / max(1, self.last - self.first)

    def y(self, value: float) -> float:
        lower = self.top + _HEIGHT - _PADDING
        return lower - (_HEIGHT - 2 * _PADDING) * self.axis.share(value)

    def frame(self, title: str, stage_ends: Iterable[float]) -> None:
        """The title, the ends of both axes, and where a stage ended."""
        low, high = self.y(self.axis.low), self.y(self.axis.high)
        self.pen.text((_MARGIN, self.top + 4), title, fill=_INK)
        for value in (self.axis.low, self.axis.high):
            self.pen.line((_MARGIN, self.y(value), _RIGHT, self.y(value)), fill=_FAINT)
            self.pen.text((_MARGIN - 6, self.y(value)), f"{value:.3g}", fill=_INK, anchor="rm")
        self.pen.text((_MARGIN, low + 4), str(self.first), fill=_INK, anchor="lt")
        self.pen.text((_RIGHT, low + 4), str(self.last), fill=_INK, anchor="rt")
        for end in stage_ends:
            self.pen.line((self.x(end), high, self.x(end), low), fill=_FAINT)

    def curve(self, points: Sequence[tuple[int, float]]) -> None:
        """Every value a dot, their running mean the line."""
        for step, value in points[:: max(1, len(points) // _MOST_DOTS)]:
            self.pen.point((self.x(step), self.y(value)), fill=_DOT)
        means = _calmed([value for _, value in points])
        line = [(self.x(step), self.y(mean)) for (step, _), mean in zip(points, means, strict=True)]
        self.pen.line(line, fill=_LINE, width=2)


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
