"""How an object stands in a scene: mirrored, tilted, squashed by the viewpoint, coloured by the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Tint = tuple[float, float, float]

NO_TINT: Tint = (1.0, 1.0, 1.0)
TILTED = 8.0  # degrees from which on a caption calls it tilted


@dataclass(frozen=True)
class Pose:
    """What is done to a reference before it is painted.

    Attributes:
        flip: mirrored left to right, before all else.
        degrees: turned counter-clockwise; 180 is upside down.
        squash: height by width, against the reference's.
        tint: red, green and blue gain.
    """

    flip: bool = False
    degrees: float = 0.0
    squash: float = 1.0
    tint: Tint = NO_TINT

    @property
    def words(self) -> tuple[str, ...]:
        """What a caption may call it; empty for what stands there much as on its reference."""
        if self.degrees == 180:
            return ("upside down", "turned upside down", "standing on its head")
        if self.degrees >= TILTED:
            return ("tilted to the left", "leaning to the left", "tilted left")
        if self.degrees <= -TILTED:
            return ("tilted to the right", "leaning to the right", "tilted right")
        return ("mirrored", "flipped left to right", "seen mirrored") if self.flip else ()


@dataclass(frozen=True)
class ObjectCutout:
    """An object as it is painted.

    Attributes:
        colours: float32 (h, w, 3), 0 to 255.
        cover: float32 (h, w), 0 to 1; its tight box (from one half on) is the whole of it.
    """

    colours: npt.NDArray[np.float32]
    cover: npt.NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.cover.shape[1], self.cover.shape[0]


def cut_out(picture: Image.Image, pose: Pose, area: float) -> ObjectCutout:
    """An RGBA picture in a pose, its upright frame resized to cover `area` pixels."""
    aspect = picture.width / picture.height / pose.squash
    width, height = max(4, round((area * aspect) ** 0.5)), max(4, round((area / aspect) ** 0.5))
    posed = picture.resize((width, height), Image.Resampling.BICUBIC)
    if pose.flip:
        posed = posed.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if pose.degrees == 180:
        posed = posed.transpose(Image.Transpose.ROTATE_180)
    elif pose.degrees:
        posed = posed.rotate(pose.degrees, Image.Resampling.BICUBIC, expand=True)
    opaque = posed.getchannel("A").point(lambda value: 255 * (value > 127))
    pixels = np.asarray(posed.crop(opaque.getbbox()), np.float32)
    lit = np.minimum(pixels[..., :3] * np.asarray(pose.tint, np.float32), np.float32(255))
    return ObjectCutout(lit, pixels[..., 3] / np.float32(255))
