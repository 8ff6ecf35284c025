"""An endless stream of synthetic training scenes: any batch of it, at any time, from its index alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from contextgen.data.example import Example
from contextgen.data.hints import HINTS
from contextgen.data.objects import Object, objects
from contextgen.data.synthetic_scenes import LEVELS, MOST, SyntheticScene, draw
from contextgen.data.variations import recoloured, textured_shape

_SIDES = (64, 384)  # pixels: the smallest and the largest of a canvas


@dataclass(frozen=True)
class StreamSpec:
    """What kinds of scenes a stream draws.

    Attributes:
        levels: the share of each level.
        sizes: canvases as (width, height, share), in pixels.
        counts: the fewest and the most instances of a scene; a plain or flexible one has six at most, a complex eight.
        hints: how often the layout shows an instance `plain`, `blurred`, as a `silhouette`, or leaves it `absent`.
        varied: the share of instances that are no emoji as drawn: recoloured ones and textured shapes, half and half.

    Raises:
        ValueError: an unknown level or hint, no positive share, a canvas side outside 64 to 384, a range of counts
            that is none.
    """

    levels: Mapping[str, float] = field(default_factory=lambda: {"plain": 1.0})
    sizes: tuple[tuple[int, int, float], ...] = ((256, 256, 1.0),)
    counts: tuple[int, int] = (1, 4)
    hints: Mapping[str, float] = field(default_factory=lambda: {"plain": 1.0})
    varied: float = 0.25

    def __post_init__(self) -> None:
        for shares, known in ((self.levels, LEVELS), (self.hints, HINTS)):
            if unknown := sorted(set(shares) - set(known)):
                raise ValueError(f"unknown {unknown[0]!r}: use one of {', '.join(known)}")
            _check_shares(list(shares.values()))
        _check_shares([share for _, _, share in self.sizes])
        for width, height, _ in self.sizes:
            if not _SIDES[0] <= min(width, height) <= max(width, height) <= _SIDES[1]:
                raise ValueError(f"canvas sides are {_SIDES[0]} to {_SIDES[1]} pixels, not {width}x{height}")
        if not 1 <= self.counts[0] <= self.counts[1] <= max(MOST.values()):
            raise ValueError(f"counts are from 1 to {max(MOST.values())}, the fewest first, not {self.counts}")


@dataclass(frozen=True)
class SyntheticStream:
    """Scenes of training objects; the held-out ones never appear. An `ExampleSource`."""

    seed: int
    spec: StreamSpec = field(default_factory=StreamSpec)

    def batch(self, index: int, size: int) -> list[Example]:
        """The `size` examples of batch `index`, all of one canvas size."""
        return [
            scene.example(f"synthetic scene {self.seed}/{index}/{number}")
            for number, scene in enumerate(self.scenes(index, size))
        ]

    def scenes(self, index: int, size: int) -> list[SyntheticScene]:
        """The scenes of that batch, with all that is known of them."""
        sizes = self.spec.sizes
        chosen = _pick(np.random.default_rng([self.seed, index]), [share for _, _, share in sizes])
        width, height, _ = sizes[chosen]
        return [self._scene(np.random.default_rng([self.seed, index, k]), width, height) for k in range(size)]

    def _scene(self, rng: np.random.Generator, width: int, height: int) -> SyntheticScene:
        level = list(self.spec.levels)[_pick(rng, list(self.spec.levels.values()))]
        fewest, most = (min(count, MOST[level]) for count in self.spec.counts)
        count = int(rng.integers(fewest, most + 1))
        return draw(rng, level, (width, height), count, self._things(rng, count), self.spec.hints)

    def _things(self, rng: np.random.Generator, count: int) -> list[Object]:
        return [self._varied(rng, thing) for thing in _some(rng, objects("train"), count)]

    def _varied(self, rng: np.random.Generator, thing: Object) -> Object:
        if rng.random() >= self.spec.varied:
            return thing
        return recoloured(rng, thing) if rng.random() < 0.5 else textured_shape(rng)


@dataclass(frozen=True)
class HeldOutStream(SyntheticStream):
    """Scenes of held-out objects as drawn, to measure on: no training configuration leads here."""

    def _things(self, rng: np.random.Generator, count: int) -> list[Object]:
        return _some(rng, objects("held_out"), count)


def _some(rng: np.random.Generator, known: Sequence[Object], count: int) -> list[Object]:
    return [known[index] for index in rng.choice(len(known), count, replace=False)]


def _check_shares(shares: list[float]) -> None:
    if not shares or min(shares) < 0 or sum(shares) <= 0:
        raise ValueError(f"shares are not negative and at least one is positive, not {shares}")


def _pick(rng: np.random.Generator, shares: list[float]) -> int:
    return int(rng.choice(len(shares), p=[share / sum(shares) for share in shares]))
