"""The opacity of every kind of picture, and the colours that nobody has seen."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from contextgen.pictures.reading import read
from contextgen.pictures.transparency import alpha_of, clear_hidden, has_alpha

SIZE = (24, 16)
LEFT = (0, 0, 12, 16)


def saved(image: Image.Image, kind: str = "PNG", **how: object) -> Image.Image:
    data = io.BytesIO()
    image.save(data, kind, **how)
    return Image.open(data)


def halves(mode: str, left: object, right: object) -> Image.Image:
    image = Image.new(mode, SIZE, right)  # type: ignore[arg-type]
    image.paste(left, LEFT)  # type: ignore[arg-type]
    return image


def png(depth: int, colour_type: int, rows: bytes, key: bytes) -> Image.Image:
    """A PNG of 24 x 16 px with a transparent tone, of a depth that Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *SIZE, depth, colour_type, 0, 0, 0)
    chunks = (b"IHDR", header), (b"tRNS", key), (b"IDAT", zlib.compress(rows * SIZE[1])), (b"IEND", b"")
    return Image.open(io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)))


def palette() -> Image.Image:
    image = halves("P", 0, 1)
    image.putpalette([200, 40, 30, 10, 20, 30])
    return image


KINDS = {
    "RGBA": lambda: halves("RGBA", (9, 9, 9, 255), (9, 9, 9, 0)),
    "grey with alpha": lambda: halves("LA", (9, 255), (9, 0)),
    "palette": lambda: saved(palette(), transparency=1),
    "palette with an opacity each": lambda: saved(palette(), transparency=bytes((255, 0))),
    "GIF": lambda: saved(palette(), "GIF", transparency=1),
    "colour key": lambda: saved(halves("RGB", (200, 40, 30), (0, 255, 0)), transparency=(0, 255, 0)),
    "grey key": lambda: saved(halves("L", 90, 200), transparency=200),
    "key of one bit": lambda: saved(halves("1", 1, 0), transparency=0),
    "key of two bits": lambda: png(2, 0, b"\0" + b"\x00" * 3 + b"\xff" * 3, b"\0\3"),
    "key of four bits": lambda: png(4, 0, b"\0" + b"\x11" * 6 + b"\xee" * 6, b"\0\x0e"),
    "grey key of 16 bits": lambda: png(16, 0, b"\0" + b"\x00\x09" * 12 + b"\x12\x34" * 12, b"\x12\x34"),
    "colour key of 16 bits": lambda: png(16, 2, b"\0" + b"\x00\x09" * 36 + b"\x12\x34" * 36, b"\x12\x34" * 3),
    "premultiplied": lambda: halves("RGBA", (9, 9, 9, 255), (9, 9, 9, 0)).convert("RGBa"),
    "WebP": lambda: saved(halves("RGBA", (9, 9, 9, 255), (9, 9, 9, 0)), "WEBP", lossless=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_opacity_of_every_kind(kind: str) -> None:
    assert has_alpha(KINDS[kind]())
    alpha = read(KINDS[kind]()).alpha
    assert alpha is not None and (alpha.getpixel((3, 3)), alpha.getpixel((20, 3))) == (255, 0)


def test_what_is_opaque_has_none() -> None:
    assert alpha_of(Image.new("RGB", SIZE)) is None and alpha_of(palette()) is None


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "L"])
def test_the_colour_that_fills_what_is_transparent_becomes_black(mode: str) -> None:
    cut_out = halves("RGBA", (40, 160, 220, 255), (255, 0, 255, 0))
    alpha, image = cut_out.getchannel("A"), cut_out.convert(mode)
    seen = image.crop(LEFT).tobytes()
    assert clear_hidden(image, alpha)
    assert image.crop(LEFT).tobytes() == seen
    assert set(image.crop((12, 0, 24, 16)).tobytes()) == {0}
    assert not clear_hidden(image, alpha)  # it is black now


def test_a_picture_beneath_the_transparency_stays() -> None:
    pixels = np.random.default_rng(0).integers(1, 256, (16, 24, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image.putalpha(halves("L", 255, 0))
    before = image.tobytes()
    assert not clear_hidden(image, image.getchannel("A")) and image.tobytes() == before


def test_faint_pixels_keep_their_colours() -> None:
    image = halves("RGBA", (40, 160, 220, 1), (255, 0, 255, 2))
    assert not clear_hidden(image, image.getchannel("A"))
