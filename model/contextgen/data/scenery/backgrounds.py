"""The backgrounds of the synthetic scenes: each painted from a few random numbers, in colours of its variant.

Broad forms and soft gradients over fine texture, so that a small model can learn them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contextgen.data.scenery import indoors, landscapes, outdoors
from contextgen.data.scenery.brushes import Array, Colour, hexed

PaintFunction = Callable[[np.random.Generator, tuple[Colour, ...], int, int], Array]


@dataclass(frozen=True)
class Light:
    """What falls on the objects of a scene.

    Attributes:
        words: how captions call it.
        gain: of red, green and blue.
    """

    words: str
    gain: tuple[float, float, float]


DAY = Light("in daylight", (1.0, 1.0, 1.0))
WARM = Light("in warm light", (1.08, 0.96, 0.78))
DUSK = Light("in the evening light", (1.05, 0.78, 0.70))
COLD = Light("in cold light", (0.82, 0.93, 1.10))
NIGHT = Light("lit by the moon", (0.50, 0.58, 0.85))
LAMP = Light("in lamp light", (1.06, 0.92, 0.70))
GREEN = Light("in green light", (0.84, 1.04, 0.82))
DEEP = Light("in blue light", (0.55, 0.85, 1.02))
DIM = Light("in dim light", (0.68, 0.66, 0.70))


@dataclass(frozen=True)
class Variant:
    """One look of a background.

    Attributes:
        name: the colours or the time of day.
        phrase: how captions say where the scene is, such as "on a sandy beach at sunset".
        colours: what the painter works with, in its own order.
        light: what colours the objects there, in scenes where they take it on.
    """

    name: str
    phrase: str
    colours: tuple[Colour, ...]
    light: Light = DAY


@dataclass(frozen=True)
class Background:
    """A place that can be painted at any size.

    Attributes:
        name: what it is called in reports.
        variants: its looks.
        painter: (rng, colours, width, height) -> float32 (3, H, W).
    """

    name: str
    painter: PaintFunction
    variants: tuple[Variant, ...]

    def paint(
        self, rng: np.random.Generator, width: int, height: int, variant: Variant | None = None
    ) -> npt.NDArray[np.uint8]:
        """The background in pixels, (H, W, 3); without a variant, one at random."""
        chosen = variant or self.variants[int(rng.integers(len(self.variants)))]
        picture = self.painter(rng, chosen.colours, width, height)
        return np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def _look(name: str, phrase: str, colours: str, light: Light = DAY) -> Variant:
    return Variant(name, phrase, hexed(colours), light)


BACKGROUNDS: tuple[Background, ...] = (
    Background(
        "beach",
        landscapes.beach,
        (
            _look("day", "on a sandy beach", "58b4ea c6ebfa 1583b5 46c2cf f2dca6 dcb877"),
            _look("sunset", "on a sandy beach at sunset", "8a5aa0 ffb26b 6d5a94 e88f78 d9a173 a9714f", DUSK),
            _look("night", "on a moonlit beach", "0d1638 2b3f74 122350 34528a 5c6285 3c4166", NIGHT),
        ),
    ),
    Background(
        "snow hills",
        landscapes.snow_hills,
        (
            _look("day", "on snowy hills", "8cc4f0 e4f3fd d9e8f6 f7fbff b9cfe6", COLD),
            _look("dusk", "on snowy hills at dusk", "7a78b8 f7b9b0 b9a9cf e7d3e2 8f83b4", DUSK),
        ),
    ),
    Background(
        "meadow",
        landscapes.meadow,
        (
            _look("day", "in a green meadow", "6ab8ee d6f0fb 8cc56a 5fa844 3f8434"),
            _look("evening", "in a green meadow in the evening", "e08a5c ffe0a3 a8a04c 7f8a3a 55702f", WARM),
            _look("mist", "in a misty meadow", "c2d2d6 e6eeee b4c8b4 92b394 6f9a78", GREEN),
        ),
    ),
    Background(
        "forest",
        outdoors.forest,
        (
            _look("day", "in a forest", "cfe6a8 7fb069 4e8b4c 6b4a32 4a6f35 355a2c", GREEN),
            _look("autumn", "in an autumn forest", "ffe7a8 f0b050 d0762e 5d3c2a a8602a 7d4322", WARM),
            _look("night", "in a dark forest at night", "31527a 1f3a5c 16304a 0d1a2b 12293a 0b1c29", NIGHT),
        ),
    ),
    Background(
        "starry sky",
        outdoors.starry_sky,
        (
            _look("blue", "under a starry night sky", "0a1030 1b2a68 4a5cb0 10152e", NIGHT),
            _look("violet", "under a violet night sky full of stars", "1b0b33 43206e a2559f 170c22", NIGHT),
            _look("green", "under a night sky with northern lights", "06182b 0f4a55 3fbf8a 081a1f", NIGHT),
        ),
    ),
    Background(
        "sea",
        landscapes.sea,
        (
            _look("sunset", "on the sea at sunset", "5c4a94 ff9a5a ffd98a 7b4f8c 37376e", DUSK),
            _look("day", "on the open sea", "4fa3e3 cfeafa ffffff 2a86c4 0f558f", DAY),
            _look("storm", "on a stormy sea", "4a5662 8b98a3 aab4ba 46606c 22343f", COLD),
        ),
    ),
    Background(
        "city",
        outdoors.city,
        (
            _look("day", "in front of a city skyline", "86c3ee e2f2fb a9b9c9 7f93a8 dfe9f2 8b8f96"),
            _look("night", "in front of a city skyline at night", "141a3c 3a3a70 242b52 171c3a ffd873 20233a", NIGHT),
            _look("sunset", "in front of a city skyline at sunset", "70539a ffac70 86608f 573f70 ffdf9a 4c3d58", DUSK),
        ),
    ),
    Background(
        "wooden table",
        indoors.wooden_table,
        (
            _look("light", "on a light wooden table", "e2bd88 cfa066 a97a45", WARM),
            _look("dark", "on a dark wooden table", "7a4a2b 633820 3f2214", LAMP),
            _look("grey", "on a grey wooden table", "b7b2aa a09a92 77726b"),
        ),
    ),
    Background(
        "brick wall",
        indoors.brick_wall,
        (
            _look("red", "in front of a red brick wall", "b5533c 9c4130 cbb9a8 8e8580"),
            _look("white", "in front of a white brick wall", "ece8e0 ddd8ce bdb6aa a39a8c"),
            _look("night", "in front of a brick wall at night", "4f3a52 433047 2f2638 292433", NIGHT),
        ),
    ),
    Background(
        "desert",
        landscapes.desert,
        (
            _look("day", "among desert dunes", "6fb7e6 f5e6c0 f0c47a e0a550 c07f38", WARM),
            _look("sunset", "among desert dunes at sunset", "a04a7a ffb070 e88a52 c5623f 7f3a38", DUSK),
            _look("night", "among desert dunes at night", "101b40 34477e 4c5580 383f68 22284c", NIGHT),
        ),
    ),
    Background(
        "lake",
        landscapes.lake,
        (
            _look("day", "by a lake with mountains", "7cc0f0 e0f2fc 8fa6c2 5f7fa2 4a9aa8 3f7a4a"),
            _look("dawn", "by a lake with mountains at dawn", "b58ac0 ffd3b0 a98fb5 7a6a98 c99ab0 54506e", DUSK),
        ),
    ),
    Background(
        "clouds",
        outdoors.clouds,
        (
            _look("day", "among white clouds", "3d94e0 9fd4f7 ffffff d5e6f4"),
            _look("sunset", "among pink clouds", "7a68b8 f5a3a0 ffd9cf d79ab5", DUSK),
            _look("storm", "among dark storm clouds", "39424f 69747f 99a3ad 555f6b", DIM),
        ),
    ),
    Background(
        "flower field",
        landscapes.flower_field,
        (
            _look("poppies", "in a field of red poppies", "7ec4f2 e4f4fb a3c96f 4f8f3a e23b32 f0705c"),
            _look("tulips", "in a field of yellow and pink flowers", "9ad2f5 f0f6ee a9cf7c 569944 ffd23c f487b6"),
            _look("evening", "in a field of flowers in the evening", "6a5aa0 ffb98a 7d8a52 3f5c3c f4e6ff c58be0", DUSK),
        ),
    ),
    Background(
        "lavender",
        landscapes.lavender,
        (
            _look("day", "in a lavender field", "8cc4f0 f0f0fa 7f96b4 8a5fc0 a9966a"),
            _look("sunset", "in a lavender field at sunset", "e0705c ffd08a 7a5a86 7a4596 7a5548", DUSK),
        ),
    ),
    Background(
        "underwater",
        outdoors.underwater,
        (
            _look("reef", "under water", "7fe0ea 2d9fc8 14608f d9c795 2f8a5a", DEEP),
            _look("deep", "deep under water", "2f7fb0 124a80 07224a 2c3f5c 1c5a55", DEEP),
            _look("lagoon", "in a green lagoon under water", "c0f2d0 52bf9f 1f7f74 cfc48a 3f7a34", GREEN),
        ),
    ),
    Background(
        "cave",
        outdoors.cave,
        (
            _look("grey", "in a rocky cave", "6b6a72 35343c e8f3fb 24232a", DIM),
            _look("ice", "in an ice cave", "6fb4d8 2d6f9f effaff 1d5280", COLD),
            _look("lava", "in a cave with glowing lava", "6a3a34 2f1a1c ff8a30 1d1012", LAMP),
        ),
    ),
    Background(
        "autumn leaves",
        outdoors.autumn_leaves,
        (
            _look("orange", "on autumn leaves", "6b4426 a8481f d9772b e9a53a c23a25", WARM),
            _look("yellow", "on yellow autumn leaves", "77683a b58f2f e0bb45 f2d873 9a8a38", WARM),
            _look("green", "on fresh green leaves", "24502c 2f7a3a 4f9f48 7fc25a 3b8a55", GREEN),
        ),
    ),
    Background(
        "stone path",
        outdoors.stone_path,
        (
            _look("grey", "on a stone path", "55534f 8d8b88 b7b4af"),
            _look("brown", "on brown cobblestones", "4f3d30 8f6f58 b89a80", WARM),
            _look("mossy", "on mossy cobblestones", "3f6a34 7f8a80 aab3a8", GREEN),
        ),
    ),
    Background(
        "marble",
        indoors.marble,
        (
            _look("white", "on white marble", "f4f2ef e4e1de 8d8c94"),
            _look("black", "on black marble", "1f2026 30323b d8d4cc", DIM),
            _look("green", "on green marble", "2f6a55 3f8066 c5e0d0", GREEN),
        ),
    ),
    Background(
        "tiled floor",
        indoors.tiled_floor,
        (
            _look("black and white", "on a black and white tiled floor", "e6dfd2 b9a990 f2f0ea 33343a"),
            _look("terracotta", "on a terracotta tiled floor", "f2e2c4 c9a884 d98a5c b0603a", WARM),
            _look("blue", "on a blue tiled floor", "d5e6ee 8fb0c0 cfe6f2 3f7fb0", COLD),
        ),
    ),
    Background(
        "rainy window",
        indoors.rainy_window,
        (
            _look("evening", "at a rainy window in the evening", "2f3f5f 56607a 3a2f2a ffb85c ff7a5a ffe0a0", LAMP),
            _look("day", "at a rainy window", "9fb2bf c5d0d6 f2f2ee 7f9f8a a8b8b0 e6eef2", COLD),
        ),
    ),
    Background(
        "carpet",
        indoors.carpet,
        (
            _look("red", "on a red carpet", "9c2f30 5f1a24 d8a24a f2dfb0", LAMP),
            _look("blue", "on a blue carpet", "2f5590 1c3260 8fb4d9 f0e6d0"),
            _look("green", "on a green carpet", "3f7f5f 22523f d9c27a f4efd8"),
        ),
    ),
    Background(
        "kitchen",
        indoors.kitchen,
        (
            _look("white", "in a white kitchen", "f4f6f6 cfd6d8 c79a66 f0ede6"),
            _look("mint", "in a mint green kitchen", "a8dcc8 e6f4ee 8a6a4c 6fae98"),
            _look("yellow", "in a yellow kitchen", "f7d468 fff2c8 6f7680 e8b84a", WARM),
        ),
    ),
    Background(
        "stage",
        indoors.curtain,
        (
            _look("red", "on a stage with a red curtain", "b01f2a 5f0a18 8a5a38 ffe2b0", LAMP),
            _look("blue", "on a stage with a blue curtain", "2a4fb0 101f5f 5f5048 d8e6ff", COLD),
            _look("gold", "on a stage with a golden curtain", "e0a83a 8f5f14 6f4630 fff0c0", LAMP),
        ),
    ),
    Background(
        "library",
        indoors.library,
        (
            _look("warm", "in front of a bookshelf", "9a6a3f 3a2416 a83a30 2f6a5a d9b050 35507f 7f4a6a", LAMP),
            _look("pale", "in front of a white bookshelf", "f0ece4 b8b0a4 e08a7a 7fb0a8 f0d890 8aa4cc c9a0c0"),
        ),
    ),
)


def background(name: str) -> Background:
    """The background of that name.

    Raises:
        ValueError: there is none.
    """
    for place in BACKGROUNDS:
        if place.name == name:
            return place
    raise ValueError(f"unknown background {name!r}: use one of {', '.join(place.name for place in BACKGROUNDS)}")
