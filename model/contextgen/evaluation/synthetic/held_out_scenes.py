"""The fixed scenes of the benchmark: held-out objects only, each scene a pure function of its level and number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from contextgen.data.hints import layout_image
from contextgen.data.objects import objects
from contextgen.data.synthetic_scenes import SyntheticScene, draw
from contextgen.evaluation.synthetic.listing import HINTED, LEVELS

SIDE = 256  # pixels, of the square canvas
SEED = 20_260_101
_MOST = {"plain": 4, "complex": 6, "flexible": 4}  # instances
_LEAST = {"plain": 1, "complex": 2, "flexible": 1}


def held_out_scene(level: str, number: int) -> SyntheticScene:
    """Scene `number` of a level.

    `blurred`, `silhouette` and `absent` are the plain scenes again, where the layout shows that much of every
    instance: what else the picture has of it can come from the reference alone.

    Raises:
        ValueError: there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}: use one of {', '.join(LEVELS)}")
    drawn_as = "plain" if level in HINTED else level
    rng = np.random.default_rng([SEED, LEVELS.index(drawn_as), number])
    count = int(rng.integers(_LEAST[drawn_as], _MOST[drawn_as] + 1))
    scene = draw(rng, drawn_as, (SIDE, SIDE), count, objects("held_out"))
    if level == drawn_as:
        return scene
    hints = (level,) * count
    return replace(scene, hints=hints, layout=layout_image(rng, scene.instances, hints, SIDE, SIDE))
