"""Where the objects of a synthetic scene stand: inside the canvas, and no more of each hidden than the level allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contextgen.data.objects import Object
from contextgen.data.posing import ObjectCutout, Pose, cut_out
from contextgen.method.placement import Edges

_SMALLEST, _LARGEST = 56.0, 140.0  # sides on a canvas of 256 x 256
_LEAST = 40.0  # pixels: the smallest side on any canvas
_FULLEST = 0.6  # of the canvas, at most, in boxes
_TRIES = 24  # places for an object before it has to be smaller
_SHRINK = 0.85


@dataclass(frozen=True)
class PlacedObject:
    """An object in its pose at its place; `cutout` is as large as `box`, the tight box of what is opaque of it."""

    thing: Object
    pose: Pose
    cutout: ObjectCutout
    box: Edges

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of its box."""
        left, top, right, bottom = self.box
        return slice(top, bottom), slice(left, right)


def place(
    rng: np.random.Generator, cast: Sequence[tuple[Object, Pose]], canvas: tuple[int, int], hidden: float
) -> list[PlacedObject]:
    """A size and a place for every object, back to front.

    Args:
        canvas: width and height in pixels.
        hidden: the largest share of an object's box that the boxes in front of it may cover together.
    """
    scale = math.sqrt(canvas[0] * canvas[1])
    largest = min(_LARGEST * scale / 256, scale * math.sqrt(_FULLEST / len(cast)))
    smallest = max(_LEAST, min(_SMALLEST * scale / 256, 0.8 * largest))
    placed: list[PlacedObject] = []
    for thing, pose in cast:
        side = rng.uniform(smallest, max(largest, smallest))
        while (found := _try(rng, _Rules(placed, canvas, hidden), thing, pose, side)) is None:
            side *= _SHRINK
        placed.append(found)
    return placed


@dataclass(frozen=True)
class _Rules:
    """What stands already, and the rules for what comes."""

    placed: Sequence[PlacedObject]
    canvas: tuple[int, int]
    hidden: float

    def allows(self, box: Edges) -> bool:
        """Whether no object would be hidden too much with something in that box in front of all."""
        for index, other in enumerate(self.placed):
            fronts = [front.box for front in self.placed[index + 1 :]]
            size = other.cutout.size[0] * other.cutout.size[1]
            if sum(_overlap(other.box, front) for front in [*fronts, box]) > self.hidden * size:
                return False
        return True


def _try(rng: np.random.Generator, rules: _Rules, thing: Object, pose: Pose, side: float) -> PlacedObject | None:
    """The object at that size where it is allowed; a small one anywhere, for there must be an end."""
    cutout = cut_out(thing.picture, pose, side * side)
    width, height = cutout.size
    room = rules.canvas[0] - width, rules.canvas[1] - height
    if min(room) < 0:
        return None
    for _ in range(_TRIES):
        left, top = int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1))
        box = left, top, left + width, top + height
        if rules.allows(box):
            return PlacedObject(thing, pose, cutout, box)
    return PlacedObject(thing, pose, cutout, box) if side < _LEAST / 2 else None


def _overlap(first: Edges, second: Edges) -> int:
    """Pixels that two boxes share."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    return max(across, 0) * max(down, 0)
