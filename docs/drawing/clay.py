"""Soft clay shapes, lit from the upper left: what the example references are made of.

A subject is a stack of shapes, back to front. A shape's silhouette is inflated to a height field, which gives
it light and gloss, and it darkens a little what lies behind it. All of it happens at several times the final
size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw

SIDE = 352  # pixels of a finished reference
SCALE = 3  # drawn at this many times the side
UNITS = 100  # subjects are drawn in a square of 100 x 100 units
LIGHT = np.array([-0.45, -0.62, 0.64], np.float32)
HALFWAY = np.array([-0.25, -0.34, 0.906], np.float32)  # between the light and the eye, where a gloss shines
SHADE = np.array([0.44, 0.36, 0.50], np.float32)  # shadows turn a little violet, as under a sky

Point = tuple[float, float]
Colour = tuple[int, int, int]
Shape = Image.Image  # mode L: 255 inside


class Clay:
    """A picture in the making: shapes are added back to front."""

    def __init__(self) -> None:
        self.pixels = SIDE * SCALE
        self.colour, self.light, self.shine = np.zeros((3, self.pixels, self.pixels, 3), np.float32)
        self.outline = Image.new("L", (self.pixels, self.pixels))

    def add(self, shape: Shape, colour: Colour, *, soft: float = 5, gloss: float = 0.3) -> None:
        """Lay a shape on top; `soft` is the width in units over which its edge rounds off."""
        self._cast_shadow(shape)
        normal, cover = self._normals(shape, soft), _unit(shape)[..., None]
        diffuse = np.clip(normal @ LIGHT * 1.25, 0, 1)[..., None]
        self.light += (SHADE + (1.1 - SHADE) * diffuse - self.light) * cover
        self.shine += (np.clip(normal @ HALFWAY, 0, 1)[..., None] ** 50 * gloss - self.shine) * cover
        self.outline = ImageChops.lighter(self.outline, shape)
        self.tint(shape, colour)

    def tint(self, shape: Shape, colour: Colour, strength: float = 1.0) -> None:
        """Paint onto what is there, keeping its light and shade."""
        self.colour += (np.array(colour, np.float32) / 255 - self.colour) * _unit(shape)[..., None] * strength

    def save(self, path: Path) -> None:
        """Write the picture at its final size; colours are averaged by how much of each pixel they cover."""
        alpha = _unit(self.outline)[..., None]
        seen = np.clip(self.colour * self.light + self.shine, 0, 1)
        small = np.dstack([seen * alpha, alpha]).reshape(SIDE, SCALE, SIDE, SCALE, 4).mean(axis=(1, 3))
        opacity = small[..., 3:]
        straight = np.divide(small[..., :3], opacity, out=np.zeros_like(small[..., :3]), where=opacity > 0)
        finished = np.round(np.dstack([straight, opacity]) * 255)
        Image.fromarray(finished.astype(np.uint8), "RGBA").save(path, optimize=True)

    def _cast_shadow(self, shape: Shape) -> None:
        fallen = ImageChops.offset(shape, self.pixels // 100, self.pixels // 60)
        left = 1 - 0.45 * _blurred(_unit(fallen), self.pixels / 50)[..., None]
        self.light *= left
        self.shine *= left

    def _normals(self, shape: Shape, soft: float) -> np.ndarray:
        radius = soft * self.pixels / UNITS / 2
        rise = np.clip(_blurred(_unit(shape), radius) * 2 - 1, 0, 1)
        height = _blurred(np.sqrt(1 - (1 - rise) ** 2), radius / 4) * radius * 1.6
        down, across = np.gradient(height)
        normal = np.dstack([-across, -down, np.ones_like(height)])
        return normal / np.linalg.norm(normal, axis=2, keepdims=True)


def _unit(mask: Shape) -> np.ndarray:
    return np.asarray(mask, np.float32) / 255


def _blurred(values: np.ndarray, radius: float) -> np.ndarray:
    """Three box filters an axis, close to a Gaussian; Pillow blurs 8 bits only, which shows as terraces."""
    reach = max(1, round(radius * 0.9))
    for axis in (0, 1, 0, 1, 0, 1):
        values = np.moveaxis(values, axis, 0)
        sums = np.pad(values, ((reach + 1, reach), (0, 0)), mode="edge").cumsum(axis=0, dtype=np.float64)
        box = (sums[2 * reach + 1 :] - sums[: len(values)]) / (2 * reach + 1)
        values = np.moveaxis(box.astype(np.float32), 0, axis)
    return values


def drawn(paint: Callable[[ImageDraw.ImageDraw, float], None]) -> Shape:
    """A shape from a function that draws on a canvas, given the number of pixels in a unit."""
    shape = Image.new("L", (SIDE * SCALE, SIDE * SCALE))
    paint(ImageDraw.Draw(shape), SIDE * SCALE / UNITS)
    return shape


def blob(points: Iterable[Point]) -> Shape:
    """A closed smooth curve through the points (Catmull-Rom)."""
    corners = np.array(list(points), float)
    before, after, beyond = (np.roll(corners, shift, axis=0) for shift in (1, -1, -2))
    curve = [
        0.5 * (2 * corners + (after - before) * t + (2 * before - 5 * corners + 4 * after - beyond) * t**2
               + (3 * corners - before - 3 * after + beyond) * t**3)
        for t in np.linspace(0, 1, 16, endpoint=False)
    ]  # fmt: skip
    return polygon(np.stack(curve, axis=1).reshape(-1, 2))


def polygon(points: Iterable[Point]) -> Shape:
    return drawn(lambda pen, unit: pen.polygon([(x * unit, y * unit) for x, y in points], fill=255))


def ellipse(x: float, y: float, width: float, height: float, turn: float = 0) -> Shape:
    """An ellipse around (x, y), turned by so many degrees."""
    angles, tilt = np.linspace(0, 2 * math.pi, 180, endpoint=False), math.radians(turn)
    across, down = np.cos(angles) * width / 2, np.sin(angles) * height / 2
    right = x + across * math.cos(tilt) - down * math.sin(tilt)
    below = y + across * math.sin(tilt) + down * math.cos(tilt)
    return polygon(np.stack([right, below], 1))


def rope(points: Iterable[Point], start: float, end: float | None = None) -> Shape:
    """A rounded stroke through the points, its width going from `start` to `end`."""
    path = np.array(list(points), float)
    places = np.linspace(0, len(path) - 1, 240)
    curve = np.stack([_through(path[:, axis], places) for axis in (0, 1)], 1)
    widths = np.linspace(start, start if end is None else end, len(curve))

    def paint(pen: ImageDraw.ImageDraw, unit: float) -> None:
        for (x, y), r in zip(curve * unit, widths * unit / 2, strict=True):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)

    return drawn(paint)


def _through(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The Lagrange polynomial through few points: smooth, and enough for a handle or a tail."""
    return np.polyval(np.polyfit(np.arange(len(values)), values, len(values) - 1), places)


def slab(left: float, top: float, right: float, bottom: float, radius: float = 3) -> Shape:
    """A rectangle with rounded corners."""
    return drawn(
        lambda pen, unit: pen.rounded_rectangle(
            (left * unit, top * unit, right * unit, bottom * unit), radius * unit, fill=255
        )
    )


def mirrored(shape: Shape) -> Shape:
    return shape.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def both(shape: Shape) -> Shape:
    """A shape and its mirror image."""
    return ImageChops.lighter(shape, mirrored(shape))


def within(shape: Shape, border: Shape) -> Shape:
    return ImageChops.darker(shape, border)
