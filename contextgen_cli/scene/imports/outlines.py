"""Outlines of subjects on a picture, as annotation tools write them, and the masks that they draw. Pillow and NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from contextgen_cli.scene.imports.foreign_values import Edges, MalformedError
from contextgen_cli.scene.scene import Box, Size

if TYPE_CHECKING:
    from PIL import Image

Polygon = tuple[float, ...]  # x, y, x, y …

_MOST_CORNERS = 10_000  # of a subject's parts together, up to which one is looked for within another


class SubjectOutline(Protocol):
    """Which pixels of a picture are a subject."""

    @property
    def bounds(self) -> Edges | None:
        """The edges of what it takes, in pixels; None where that is nothing."""

    def drawn(self, frame: Size) -> Image.Image:
        """The mask (1) on a picture of the size that the tool has seen."""


@dataclass(frozen=True)
class Rectangle:
    """All of a box."""

    box: Box

    @property
    def bounds(self) -> Edges | None:
        return self.box.left, self.box.top, self.box.right, self.box.bottom

    def drawn(self, frame: Size) -> Image.Image:
        image = _blank(frame)
        image.paste(1, self.box.pixels)
        return image


@dataclass(frozen=True)
class Polygons:
    """The parts of a subject. A part that lies wholly within another is a hole in it, and so on inwards."""

    parts: tuple[Polygon, ...]

    @classmethod
    def of(cls, parts: Sequence[Polygon]) -> Polygons | None:
        """Those with an area; None where there is none.

        Raises:
            MalformedError: there is an x without a y.
        """
        if any(len(part) % 2 for part in parts):
            raise MalformedError("a polygon has an x without a y")
        sound = tuple(part for part in parts if len(part) >= 6)
        return cls(sound) if sound else None

    @property
    def bounds(self) -> Edges | None:
        xs = [x for part in self.parts for x in part[::2]]
        ys = [y for part in self.parts for y in part[1::2]]
        return min(xs), min(ys), max(xs), max(ys)

    def drawn(self, frame: Size) -> Image.Image:
        from PIL import ImageDraw

        image = _blank(frame)
        pen = ImageDraw.Draw(image)
        for depth, part in sorted(zip(self.depths, self.parts, strict=True), key=lambda each: each[0]):
            pen.polygon(part, fill=1 - depth % 2)
        return image

    @property
    def has_hole(self) -> bool:
        return any(depth % 2 for depth in self.depths)

    @cached_property
    def depths(self) -> list[int]:
        """Within how many other parts each lies."""
        if len(self.parts) == 1 or sum(map(len, self.parts)) > 2 * _MOST_CORNERS:
            return [0] * len(self.parts)
        bounds = [_edges(part) for part in self.parts]
        return [
            sum(
                _is_inside(inner, outer) and _contains(self.parts[there], self.parts[here])
                for there, outer in enumerate(bounds)
                if there != here
            )
            for here, inner in enumerate(bounds)
        ]


@dataclass(frozen=True)
class Runs:
    """Lengths of runs of pixels, of the background first, over a `window` of the picture.

    Attributes:
        by_columns: as COCO counts; else by rows.
    """

    counts: tuple[int, ...]
    window: Box
    by_columns: bool = False

    @property
    def bounds(self) -> Edges | None:
        """Of a run that turns into the next line, the whole lines count."""
        left, top, right, bottom = self.window.pixels
        line = bottom - top if self.by_columns else right - left
        spans = [_span(start, end, line) for start, end in self._taken]
        if not spans:
            return None
        firsts, lasts, lows, highs = zip(*spans, strict=True)
        first, last, low, high = min(firsts), max(lasts), min(lows), max(highs)
        if self.by_columns:
            return left + first, top + low, left + last, top + high
        return left + low, top + first, left + high, top + last

    @property
    def _taken(self) -> list[tuple[int, int]]:
        ends, at = [], 0
        for index, count in enumerate(self.counts):
            if index % 2 and count:
                ends.append((at, at + count))
            at += count
        return ends

    def drawn(self, frame: Size) -> Image.Image:
        import numpy as np
        from PIL import Image

        left, top, right, bottom = self.window.pixels
        values = np.repeat(np.arange(len(self.counts), dtype=np.uint8) % 2, self.counts)
        shape = (right - left, bottom - top) if self.by_columns else (bottom - top, right - left)
        pixels = values.reshape(shape).T if self.by_columns else values.reshape(shape)
        image = _blank(frame)
        image.paste(Image.fromarray(np.ascontiguousarray(pixels) * 255), (left, top))
        return image


@dataclass(frozen=True)
class MaskDrawing:
    """A mask to be written beside an imported scene: an outline on the `frame` that a tool has seen, for a picture of
    `size`."""

    path: Path
    size: Size
    frame: Size
    outline: SubjectOutline

    def drawn(self) -> Image.Image:
        """The mask (1) in the picture's size."""
        from PIL import Image

        mask = self.outline.drawn(self.frame)
        if self.frame == self.size:
            return mask
        return mask.resize((self.size.width, self.size.height), Image.Resampling.NEAREST)


def _blank(frame: Size) -> Image.Image:
    from PIL import Image

    return Image.new("1", (frame.width, frame.height), 0)


def _edges(part: Polygon) -> Edges:
    return min(part[::2]), min(part[1::2]), max(part[::2]), max(part[1::2])


def _is_inside(inner: Edges, outer: Edges) -> bool:
    return inner[0] > outer[0] and inner[1] > outer[1] and inner[2] < outer[2] and inner[3] < outer[3]


def _contains(outer: Polygon, inner: Polygon) -> bool:
    """Whether every corner of one lies within the other: a ray from it crosses the outline an odd number of times."""
    import numpy as np

    x0, y0 = np.array(outer[::2], float), np.array(outer[1::2], float)
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    slope = (x1 - x0) / np.where(y1 == y0, 1, y1 - y0)
    corners = zip(inner[::2], inner[1::2], strict=True)
    return all(np.sum(((y0 > y) != (y1 > y)) & (x < slope * (y - y0) + x0)) % 2 for x, y in corners)


def _span(start: int, end: int, line: int) -> tuple[int, int, int, int]:
    """The lines that a run takes, and the pixels along them: first and last (exclusive) of each."""
    first, last = start // line, (end - 1) // line + 1
    return (first, last, start % line, (end - 1) % line + 1) if last - first == 1 else (first, last, 0, line)
