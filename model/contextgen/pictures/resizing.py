"""Resizing without a copy in another mode, which large pictures leave no room for."""

from __future__ import annotations

from PIL import Image

from contextgen.pictures.orientation import Edges


def resized(
    image: Image.Image, size: tuple[int, int], resample: Image.Resampling, box: Edges | None = None
) -> Image.Image:
    """To the byte what `image.convert("RGB").resize(size, resample, box)` gives of a picture in RGB, RGBA or L.

    Pillow itself would weigh the colours of RGBA by their opacity, which the released code does not.
    """
    if image.mode == "RGBA":
        return Image.merge("RGB", [image.getchannel(name).resize(size, resample, box) for name in "RGB"])
    return image.resize(size, resample, box).convert("RGB")
