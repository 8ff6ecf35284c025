"""What the layout image of a training scene gives away of each instance: all, a blur, its shape, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from contextgen.method.layout import Instance, PreparedReference, compose, prepare_reference
from contextgen.method.method_card import ModelCard

HINTS = ("plain", "blurred", "silhouette", "absent")
DRAWING_CARD = ModelCard(
    token_side=1, reference_frame="canvas"
)  # each object at its size on the canvas, nothing rounded
_BLUR = 6  # fold
_GREYS = (-0.7, -0.45, 0.3, 0.45, 0.6)  # in [-1, 1]; 0 would be nothing


def drawn_hints(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> tuple[str, ...]:
    """A hint for each of `count` instances, by their shares."""
    total = sum(shares.values())
    chosen = rng.choice(len(shares), count, p=[share / total for share in shares.values()])
    names = list(shares)
    return tuple(names[index] for index in chosen)


def layout_image(
    rng: np.random.Generator, instances: Sequence[Instance], hints: Sequence[str], width: int, height: int
) -> Image.Image | None:
    """The RGBA composite in which each instance shows what its hint says; None where all are plain."""
    if all(hint == "plain" for hint in hints):
        return None
    shown = [(instance, hint) for instance, hint in zip(instances, hints, strict=True) if hint != "absent"]
    references = [
        _shown(rng, prepare_reference(instance, DRAWING_CARD, width, height), hint) for instance, hint in shown
    ]
    return compose(references, [instance for instance, _ in shown], width, height).image


def _shown(rng: np.random.Generator, reference: PreparedReference, hint: str) -> PreparedReference:
    if hint == "silhouette":
        grey = np.full_like(reference.pixels, rng.choice(_GREYS))
        return PreparedReference(grey, reference.soft_mask, reference.corner)
    return _blurred(reference) if hint == "blurred" else reference


def _blurred(reference: PreparedReference) -> PreparedReference:
    size = reference.soft_mask.size
    small = (max(1, round(size[0] / _BLUR)), max(1, round(size[1] / _BLUR)))
    picture = reference.image.resize(small, Image.Resampling.BOX).resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(picture.convert("RGB"), np.float32) / np.float32(127.5) - 1
    return PreparedReference(pixels, picture.getchannel("A"), reference.corner)
