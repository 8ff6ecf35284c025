"""What of a picture can be seen: its alpha channel, however a file keeps it, and the colours that it hides."""

from __future__ import annotations

from PIL import Image

from contextgen.pictures.bands import mapped
from contextgen.pictures.colours import SIXTEEN_BITS

_KEY = "transparency"  # Pillow's name for the tone or colour that a file declares transparent
_FILLED = 0.95  # share of what is hidden that has one value in each channel, where it is filled and no picture
_SCALES = {"L;2": 85.0, "L;4": 17.0, "RGB;16B": 1 / 256}  # of a PNG's key, to the eight bits that Pillow makes of it


def has_alpha(image: Image.Image) -> bool:
    """Whether anything of the picture may be transparent."""
    return image.has_transparency_data


def is_keyed(image: Image.Image) -> bool:
    """Whether one tone or colour of the picture is declared transparent, rather than each pixel being more or less."""
    return image.mode != "P" and _KEY in image.info


def scale_key(image: Image.Image) -> None:
    """Bring the transparent tone of a PNG to the bits that its pixels will have, before they are loaded."""
    stored = image.tile[0].args if getattr(image, "tile", None) else None  # type: ignore[attr-defined]
    scale = _SCALES.get(stored) if isinstance(stored, str) else None
    if scale is not None and is_keyed(image):
        key = image.info[_KEY]
        image.info[_KEY] = int(key * scale) if isinstance(key, int) else tuple(int(value * scale) for value in key)


def alpha_of(image: Image.Image) -> Image.Image | None:
    """The opacity of each pixel (L), or None where there is none; the picture is as stored, not turned."""
    if not has_alpha(image):
        return None
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        return image.getchannel(image.getbands()[-1])
    if image.mode in SIXTEEN_BITS:
        return mapped(image, "L", lambda band: _opaque(band, image.info[_KEY]))
    return mapped(image, "L", lambda band: band.convert("RGBA").getchannel("A"))


def clear_hidden(image: Image.Image, alpha: Image.Image) -> bool:
    """Make the colour that fills what is fully transparent black, in place, as most programs leave it; whether it was
    another.

    Nobody has seen that colour, and by resampling it comes into the subject's rim. Where a whole picture is hidden it
    stays: that is a picture with a mask, whose surroundings the released code takes too.

    Args:
        image: RGBA, RGB or L.
        alpha: its opacity (L).
    """
    if alpha.getextrema()[0] != 0:
        return False
    hidden = alpha.point([255] + [0] * 255)
    tones = image.histogram(mask=hidden)
    channels = [tones[at : at + 256] for at in range(0, 256 if image.mode == "L" else 768, 256)]
    is_filled = all(max(channel) >= _FILLED * sum(channel) for channel in channels)
    if not is_filled or not any(any(channel[1:]) for channel in channels):
        return False
    image.paste(0 if image.mode == "L" else (0,) * len(image.getbands()), mask=hidden)
    return True


def _opaque(band: Image.Image, key: int) -> Image.Image:
    import numpy as np

    return Image.fromarray(np.where(np.asarray(band) == key, 0, 255).astype(np.uint8))
