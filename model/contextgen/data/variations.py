"""More objects for training than there are pictures: recoloured ones, and shapes cut out of procedural textures."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from contextgen.data.objects import Object, bled
from contextgen.data.scenery.brushes import Array, clamped, noise

_SIDE = 112  # pixels of a cut-out
_COLOURS = {
    "red": 0.0,
    "orange": 0.07,
    "yellow": 0.14,
    "green": 0.33,
    "turquoise": 0.48,
    "blue": 0.6,
    "violet": 0.75,
    "pink": 0.9,
}
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def recoloured(rng: np.random.Generator, thing: Object) -> Object:
    """The object with its hues turned, its saturation and its brightness changed; it keeps its name."""
    pixels = np.asarray(thing.picture, np.float32)
    turned = pixels[..., :3] @ _hue_turn(rng.uniform(0.15, 0.85) * 2 * math.pi).T
    grey = (turned @ _LUMA)[..., None]
    colours = (grey + (turned - grey) * rng.uniform(0.6, 1.3)) * rng.uniform(0.75, 1.15)
    data = np.concatenate([colours.clip(0, 255), pixels[..., 3:]], -1).astype(np.uint8)
    return Object(thing.name, Image.fromarray(data))


def _hue_turn(angle: float) -> Array:
    """The rotation of colours about the grey axis, (3, 3)."""
    cosine, sine = math.cos(angle), math.sin(angle) / math.sqrt(3)
    third = (1 - cosine) / 3
    diagonal, low, high = cosine + third, third - sine, third + sine
    return np.array([[diagonal, low, high], [high, diagonal, low], [low, high, diagonal]], np.float32)


def textured_shape(rng: np.random.Generator) -> Object:
    """A blob, polygon or star filled with a texture, called for instance "striped red shape"."""
    colour = list(_COLOURS)[int(rng.integers(len(_COLOURS)))]
    texture = list(_TEXTURES)[int(rng.integers(len(_TEXTURES)))]
    light, dark = _tones(rng, _COLOURS[colour])
    share = _TEXTURES[texture](rng)[..., None]
    colours = dark + (light - dark) * share
    if rng.random() < 0.5:
        colours = colours * (1.15 - 0.4 * np.linspace(0, 1, _SIDE, dtype=np.float32)[:, None, None])
    alpha = _shape(rng)
    pixels = np.concatenate([colours.clip(0, 255), np.asarray(alpha, np.float32)[..., None]], -1).astype(np.uint8)
    return Object(f"{texture} {colour} shape", bled(Image.fromarray(pixels).crop(alpha.getbbox())))


def _tones(rng: np.random.Generator, hue: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A light and a dark colour of about one hue."""
    near = hue + rng.uniform(-0.03, 0.03)
    far = near + rng.choice([0.0, 0.0, rng.uniform(-0.5, 0.5)])
    light = colorsys.hsv_to_rgb(near % 1, rng.uniform(0.4, 0.9), rng.uniform(0.85, 1))
    dark = colorsys.hsv_to_rgb(far % 1, rng.uniform(0.5, 1), rng.uniform(0.25, 0.7))
    return 255 * np.array(light), 255 * np.array(dark)


def _shape(rng: np.random.Generator) -> Image.Image:
    """A closed outline about the middle, as a soft-edged mask."""
    corners, rough = int(rng.integers(3, 12)), rng.uniform(0.1, 0.55)
    angles = (np.arange(corners) + rng.uniform(0, 0.5, corners)) / corners * 2 * math.pi
    radii = 1 - rough * (np.arange(corners) % 2 if rng.random() < 0.3 else rng.random(corners))
    if rng.random() < 0.5:  # rounded
        around = np.linspace(0, 2 * math.pi, 96, endpoint=False)
        angles, radii = around, np.interp(around, angles, radii, period=2 * math.pi)
        radii = np.convolve(np.tile(radii, 3), np.hanning(25) / np.hanning(25).sum(), "same")[96:192]
    aspect = rng.uniform(0.6, 1)
    x, y = np.cos(angles) * radii * (_SIDE - 4), np.sin(angles) * radii * (_SIDE - 4) * aspect
    large = Image.new("L", (2 * _SIDE, 2 * _SIDE))
    points = list(zip((x + _SIDE).tolist(), (y + _SIDE).tolist(), strict=True))
    ImageDraw.Draw(large).polygon(points, fill=255)
    return large.reduce(2).filter(ImageFilter.GaussianBlur(0.4))


def _waves(rng: np.random.Generator) -> Array:
    """A wave across the square, in [-1, 1]."""
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32)
    angle, length = rng.uniform(0, math.pi), rng.uniform(9, 30)
    wave: Array = np.sin((rows * math.sin(angle) + columns * math.cos(angle)) * np.float32(2 * math.pi / length))
    return wave


def _striped(rng: np.random.Generator) -> Array:
    return clamped(_waves(rng) * 3 + 0.5)


def _chequered(rng: np.random.Generator) -> Array:
    return clamped(_waves(rng) * _waves(rng) * 5 + 0.5)


def _dotted(rng: np.random.Generator) -> Array:
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32)
    pitch = np.float32(rng.uniform(14, 30))
    far = np.hypot(rows % pitch - pitch / 2, columns % pitch - pitch / 2)
    return clamped(pitch * np.float32(rng.uniform(0.2, 0.38)) - far + 0.5)


def _shaded(rng: np.random.Generator) -> Array:
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32) / _SIDE
    angle = rng.uniform(0, 2 * math.pi)
    return clamped(0.5 + 0.8 * ((rows - 0.5) * math.sin(angle) + (columns - 0.5) * math.cos(angle)))


def _mottled(rng: np.random.Generator) -> Array:
    """Several octaves of noise, as natural surfaces have."""
    octaves = sum(noise(rng, _SIDE, _SIDE, cells, cells) / cells**0.7 for cells in (3, 6, 12, 24))
    low, high = np.percentile(octaves, (2, 98))
    return clamped(((octaves - low) / (high - low)).astype(np.float32))


def _marbled(rng: np.random.Generator) -> Array:
    veins = np.abs(_mottled(rng) * 2 - 1)
    return clamped(veins * 3)


_TEXTURES = {
    "striped": _striped,
    "chequered": _chequered,
    "dotted": _dotted,
    "shaded": _shaded,
    "mottled": _mottled,
    "marbled": _marbled,
}
