"""What the procedural backgrounds are painted with: gradients, smooth noise, ridges and shapes, in numpy and Pillow.

A colour is three numbers from 0 to 255; a picture is float32 (3, H, W), plane by plane because that is several times
faster; a cover says where something shows, float32 (H, W), (H, 1) or (1, W), from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Array = npt.NDArray[np.float32]
Colour = tuple[int, int, int]
Generator = np.random.Generator
Pen = ImageDraw.ImageDraw
Point = tuple[float, float]

_ALL = slice(None)


def hexed(codes: str) -> tuple[Colour, ...]:
    """Colours from their hexadecimal notation: `hexed("ff8000 000000")`."""
    return tuple((int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)) for code in codes.split())


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


# Fields


def gradient(height: int, width: int, *colours: Colour, bend: float = 1.0) -> Array:
    """A picture that runs through the colours from top to bottom; `bend` > 1 keeps the first ones longer."""
    place = np.linspace(0, 1, height, dtype=np.float32) ** bend * (len(colours) - 1)
    planes = [np.interp(place, np.arange(len(colours)), plane) for plane in zip(*colours, strict=True)]
    return np.repeat(np.array(planes, np.float32)[..., None], width, axis=2)


def noise(rng: Generator, height: int, width: int, down: int, across: int) -> Array:
    """Smooth noise in [0, 1] with `down` x `across` hills over the picture, (H, W)."""
    small = rng.random((max(down, 2), max(across, 2)), dtype=np.float32)
    large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return clamped(np.asarray(large))


def profile(rng: Generator, width: int, hills: int, low: float, high: float) -> Array:
    """A smooth height for every column, between about `low` and `high`, (1, W)."""
    knots = rng.uniform(low, high, max(hills, 2)).astype(np.float32)[None]
    return np.asarray(Image.fromarray(knots).resize((width, 1), Image.Resampling.BICUBIC))


def shares(length: int) -> Array:
    """How far along each of `length` pixels lies, from 0 to 1."""
    along: Array = _pixels(length) / np.float32(length)
    return along


def clamped(values: Array) -> Array:
    """Not below 0 and not above 1."""
    within: Array = np.clip(values, 0, 1)
    return within


# Covers


def below(edge: Array | float, height: int, softness: float = 1.0) -> Array:
    """All below `edge`, a share of the height (for every column), softly over some pixels, (H, W) or (H, 1)."""
    rows = _pixels(height)[:, None]
    return clamped((rows - np.float32(height) * edge) / np.float32(softness) + 0.5)


def glow(height: int, width: int, x: float, y: float, radius: float) -> Array:
    """A round light that fades outwards; x, y and radius are shares of width, height and the shorter side."""
    side = np.float32(radius * min(height, width))
    rows, columns = (_pixels(height) - y * height) / side, (_pixels(width) - x * width) / side
    light: Array = np.exp(-(rows**2))[:, None] * np.exp(-(columns**2))[None]
    return light


def disc(height: int, width: int, x: float, y: float, radius: float) -> Array:
    """A sharp disc, in the same measures as `glow`."""
    far = np.hypot((_pixels(height) - y * height)[:, None], (_pixels(width) - x * width)[None])
    return clamped(radius * min(height, width) - far + 0.5)


def drawn(height: int, width: int, draw: Callable[[Pen, float, float], None]) -> Array:
    """What `draw(pen, width, height)` draws in greys on black, at twice the size and smoothly reduced, (H, W)."""
    image = Image.new("L", (2 * width, 2 * height))
    draw(ImageDraw.Draw(image), 2.0 * width, 2.0 * height)
    cover: Array = np.asarray(image.reduce(2), np.float32) / np.float32(255)
    return cover


# Strokes, in place


def lay(picture: Array, colour: Colour | Array, cover: Array | float, rows: slice = _ALL) -> None:
    """Mix a colour, or another picture of the rows' size, into some rows of a picture."""
    for plane, tone in zip(picture[:, rows], colour, strict=True):
        plane += (np.float32(tone) - plane) * cover


def shade(picture: Array, light: Array, rows: slice = _ALL) -> None:
    """Brighten (> 1) or darken (< 1) some rows of a picture."""
    picture[:, rows] *= light


# Shapes


def scattered(rng: Generator, count: int, top: float = 0.0, bottom: float = 1.0) -> list[Point]:
    """Points evenly strewn between two heights, as shares, the far (upper) ones first."""
    ys = np.sort(rng.uniform(top, bottom, count))
    return list(zip(rng.random(count).tolist(), ys.tolist(), strict=True))


def ellipse(pen: Pen, x: float, y: float, rx: float, ry: float, fill: int = 255) -> None:
    """An ellipse by its centre and radii, in the pen's pixels."""
    pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)


def _pixels(length: int) -> Array:
    middles: Array = np.arange(length, dtype=np.float32) + np.float32(0.5)
    return middles
