"""The objects of the synthetic scenes, and which of them no training may see.

`objects.zip` holds the pictures of Noto Color Emoji, copyright Google Inc., under the SIL Open Font License 1.1 (its
text is the entry `LICENSE.txt`), as lossless WebP under their Unicode names; docs/drawing/objects.py made it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
from PIL import Image, ImageFilter

SPLITS = ("train", "held_out", "all")
_ENDING = ".webp"
_BLEED = 5  # pixels: how far an object's colours go on beneath its transparent surroundings


@dataclass(frozen=True)
class Object:
    """A thing with a name.

    Attributes:
        name: what captions call it, lower case, no article.
        source: its RGBA picture, cropped to the object, or that picture encoded.
    """

    name: str
    source: Image.Image | bytes = field(repr=False)

    @cached_property
    def picture(self) -> Image.Image:
        """RGBA, cropped to the object; its colours go on under the transparent pixels, so that resizing adds no rim."""
        if isinstance(self.source, bytes):
            return bled(Image.open(io.BytesIO(self.source)).convert("RGBA"))
        return self.source


def is_held_out(name: str) -> bool:
    """Whether an object is kept from training, in any recolouring: quality is measured on these alone."""
    return int(hashlib.sha1(name.lower().encode()).hexdigest(), 16) % 13 == 0


def objects(split: str = "train") -> tuple[Object, ...]:
    """The objects of a split, in the order of their code points.

    Raises:
        ValueError: the split is none of `train`, `held_out` and `all`.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")
    return _split(split)


@cache
def _split(split: str) -> tuple[Object, ...]:
    if split == "all":
        return _read()
    return tuple(thing for thing in _split("all") if is_held_out(thing.name) is (split == "held_out"))


def _read() -> tuple[Object, ...]:
    data = files("contextgen.data").joinpath("objects.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.endswith(_ENDING)]
        return tuple(Object(name.removesuffix(_ENDING), archive.read(name)) for name in names)


def bled(picture: Image.Image) -> Image.Image:
    """An RGBA picture whose transparent pixels have the colour of the nearest opaque ones (RGBA in, RGBA out)."""
    pixels = np.asarray(picture, np.float32)
    alpha = pixels[..., 3:] / 255
    weighted = np.concatenate([pixels[..., :3] * alpha, pixels[..., 3:]], -1).round().astype(np.uint8)
    blurred = np.asarray(Image.fromarray(weighted).filter(ImageFilter.GaussianBlur(_BLEED)), np.float32)
    mean = (pixels[..., :3] * alpha).sum((0, 1)) / max(float(alpha.sum()), 1e-6)
    near = np.where(blurred[..., 3:] > 0, blurred[..., :3] * 255 / np.maximum(blurred[..., 3:], 1), mean)
    colours = np.where(alpha > 0, pixels[..., :3], near)
    return Image.fromarray(np.concatenate([colours, pixels[..., 3:]], -1).clip(0, 255).astype(np.uint8))
