"""A picture mirrored and turned by any angle, nothing of it cut off: what is new at its corners is transparent."""

from __future__ import annotations

import math

from PIL import Image

FLIPS = {"horizontal": Image.Transpose.FLIP_LEFT_RIGHT, "vertical": Image.Transpose.FLIP_TOP_BOTTOM}


def flipped_and_rotated(image: Image.Image, flip: str | None, degrees: float) -> Image.Image:
    """A picture in RGB, RGBA or L, or the picture itself where nothing is to be done.

    Args:
        flip: one of `FLIPS`, which comes first; None: not mirrored.
        degrees: clockwise. Whole quarters move pixels and change none.
    """
    mirrored = image if flip is None else image.transpose(FLIPS[flip])
    if degrees % 360 == 0:
        return mirrored
    return mirrored.rotate(-degrees % 360, Image.Resampling.BICUBIC, expand=True)


def rotated_size(size: tuple[int, int], degrees: float) -> tuple[int, int]:
    """Width and height that a picture of `size` is turned to."""
    width, height = size
    if degrees % 90 == 0:
        return (width, height) if degrees % 180 == 0 else (height, width)
    cos, sin = (abs(round(part(math.radians(degrees)), 15)) for part in (math.cos, math.sin))
    return _spanned(width, width * cos + height * sin), _spanned(height, width * sin + height * cos)


def _spanned(side: int, extent: float) -> int:
    """The whole pixels that an extent about the middle of a side touches."""
    return math.ceil((side + extent) / 2) - math.floor((side - extent) / 2)
