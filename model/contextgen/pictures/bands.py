"""Large pictures, a band of rows at a time: 64 megapixels and a copy of them would be half a gigabyte."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PIL import Image

from contextgen.pictures.orientation import is_sideways, stored_rows, turned

_PIXELS = 1 << 19  # of a band
_BYTES = {"L": 1, "RGB": 3}


def bands(width: int, height: int) -> Iterator[tuple[int, int]]:
    """First row and the one behind the last, band by band."""
    rows = max(1, _PIXELS // width)
    return ((top, min(top + rows, height)) for top in range(0, height, rows))


def mapped(image: Image.Image, mode: str, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """What `change` makes of each band, as one picture of `mode`: as if it had changed the whole."""
    result = Image.new(mode, image.size)
    for top, bottom in bands(*image.size):
        result.paste(change(image.crop((0, top, image.width, bottom))), (0, top))
    return result


def packed(
    image: Image.Image,
    mode: str,
    change: Callable[[Image.Image], Image.Image],
    orientation: int,
    *,
    release: bool,
) -> Image.Image:
    """As `mapped`, of the turned picture; to `release` is to close `image` before there is another as large.

    Pillow keeps four bytes for each pixel in colour, this three until then.
    """
    size = (image.height, image.width) if is_sideways(orientation) else image.size
    row = size[0] * _BYTES[mode]
    pixels = bytearray(row * size[1])
    for top, bottom in bands(*size):
        band = turned(image.crop(stored_rows(image.size, orientation, top, bottom)), orientation)
        pixels[row * top : row * bottom] = change(band).tobytes()
    if release:
        image.close()
    return Image.frombytes(mode, size, pixels)
