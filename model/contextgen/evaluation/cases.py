"""A case of a benchmark: one picture to paint, as every system under test is given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen.method.layout import Instance


@dataclass(frozen=True)
class Case:
    """One picture to paint. A benchmark adds in a subclass what it measures by.

    Attributes:
        name: tells it apart, in progress and results.
        groups: whose aggregates it counts in, its level first.
        instances: back to front, boxes in pixels of the canvas.
        layout: RGBA of the canvas' size; None: the automatic composite.
        size: width and height of the canvas in pixels.
        seed: of the noise.
    """

    name: str
    groups: tuple[str, ...]
    prompt: str
    instances: tuple[Instance, ...]
    layout: Image | None
    size: tuple[int, int]
    seed: int
