"""Which background a picture has: the nearest of all procedural ones, by the colours of a coarse grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from contextgen.data.scenery.backgrounds import BACKGROUNDS, Variant, background
from contextgen.method.layout import Mask

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
Array = npt.NDArray[np.float32]

_CELLS = 16  # of the grid, a side
_DRAWN = 8  # of each look
_SEED, _OTHER_SEED = 20_260_102, 20_260_103


@dataclass(frozen=True)
class PaintedBackgrounds:
    """All backgrounds as painted, several times each.

    Attributes:
        names: of M pictures; several are of the same background.
        means: mean colour in every cell, (M, cells, 3), 0 to 255.
        spreads: standard deviation of the luminance in every cell, (M, cells).
    """

    names: tuple[str, ...]
    means: Array
    spreads: Array


@cache
def painted_backgrounds(width: int, height: int) -> PaintedBackgrounds:
    """Every look of every background, several times each, on a canvas of that size in pixels."""
    looks = [(kind, look) for kind in BACKGROUNDS for look in kind.variants for _ in range(_DRAWN)]
    everywhere = np.ones((height, width), np.bool_)
    statistics = [
        _statistics(kind.paint(np.random.default_rng([_SEED, k]), width, height, look), everywhere)
        for k, (kind, look) in enumerate(looks)
    ]
    means, spreads = (np.stack([one[index] for one in statistics]) for index in (0, 1))
    return PaintedBackgrounds(tuple(kind.name for kind, _ in looks), means, spreads)


@lru_cache(maxsize=2)  # every system's picture of a scene asks for the same
def redrawn(name: str, variant: Variant, width: int, height: int, count: int) -> npt.NDArray[np.uint8]:
    """One look of a background, drawn anew `count` times, (count, H, W, 3)."""
    kind = background(name)
    rngs = [np.random.default_rng([_OTHER_SEED, k]) for k in range(count)]
    return np.stack([kind.paint(rng, width, height, variant) for rng in rngs])


def nearest_background(picture: Pixels, outside: Mask) -> str:
    """The name of the background that a picture's pixels `outside` (H, W) of the objects are most like."""
    height, width = outside.shape
    known = painted_backgrounds(width, height)
    means, spreads, weights = _statistics(picture, outside)
    apart = np.abs(known.means - means).sum(-1) + np.abs(known.spreads - spreads)  # (M, cells)
    return known.names[int(np.argmin(apart @ weights))]


def _statistics(picture: Pixels, where: Mask) -> tuple[Array, Array, Array]:
    """Mean colour and spread of the pixels `where` in every cell, and the share of each that they are."""
    counts = _sums(where.astype(np.float32))
    colours = picture.astype(np.float32) * where[..., None]
    divisor = np.maximum(counts, 1)
    means = np.stack([_sums(colours[..., channel]) for channel in range(3)], -1) / divisor[:, None]
    grey = colours.mean(-1)
    spreads = np.sqrt(np.maximum(_sums(grey**2) / divisor - (_sums(grey) / divisor) ** 2, 0))
    weights = counts / max(float(counts.sum()), 1.0)
    return means.astype(np.float32), spreads.astype(np.float32), weights.astype(np.float32)


def _sums(values: Array) -> Array:
    """Sum over every cell, (cells,)."""
    rows, columns = (np.arange(_CELLS) * side // _CELLS for side in values.shape)
    sums: Array = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    return sums.reshape(-1)
