"""Whether an object is recognised: what stands at its place, matched against every object there is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from contextgen.data.objects import Object, objects
from contextgen.data.posing import Pose, Tint
from contextgen.method.placement import Edges

Array = npt.NDArray[np.float32]

SIDE = 24  # samples across an object: enough to tell apart what a person tells apart
_FINER = 4  # times as many are taken from the picture, and averaged
_UNIT = 128  # pixels: side of the square in which a pose's outline is measured
_LEAST_SEEN = 0.25  # of a candidate: less of it says nothing


@dataclass(frozen=True)
class Gallery:
    """Every object as drawn, its frame stretched to SIDE x SIDE samples.

    Attributes:
        names: N of them.
        opaque: alpha in [0, 1], (N, P), P = SIDE * SIDE.
        colours: 0 to 255, (N, P, 3).
    """

    names: tuple[str, ...]
    opaque: Array
    colours: Array


@dataclass(frozen=True)
class _Candidates:
    """A gallery in one light, multiplied out for `distances`."""

    weighted: Array  # alpha times colour, (N, P * 3)
    squared: Array  # alpha times squared colour, (N, P)


@cache
def gallery() -> Gallery:
    """All objects, held out or not."""
    known = objects("all")
    samples = np.stack([_samples(thing) for thing in known])  # (N, SIDE, SIDE, 4), premultiplied
    opaque = samples[..., 3].reshape(len(known), -1) / 255
    colours = samples[..., :3].reshape(len(known), -1, 3) / np.maximum(opaque, 1e-3)[..., None]
    names = tuple(thing.name for thing in known)
    return Gallery(names, opaque.astype(np.float32), np.minimum(colours, 255).astype(np.float32))


def view(pixels: npt.NDArray[np.uint8], name: str, pose: Pose, box: Edges) -> Array:
    """What a picture shows where an object should be, its pose undone: (SIDE, SIDE, channels), 0 to 255.

    Args:
        pixels: (H, W, 3) or (H, W).
        name: of the object, whose outline says how its frame lies in its box.
        box: the tight box of the object as posed.
    """
    side = SIDE * _FINER
    seen = Image.fromarray(pixels).transform(
        (side, side), Image.Transform.AFFINE, _placement(name, pose, box), Image.Resampling.BILINEAR
    )
    return np.asarray(seen.reduce(_FINER), np.float32).reshape(SIDE, SIDE, -1)


def distances(seen: Array, free: Array, tint: Tint) -> Array:
    """Mean squared difference between what is seen and each object of the gallery, over that object, (N,).

    Args:
        seen: what `view` returns of a picture, (SIDE, SIDE, 3).
        free: where nothing stands in front, 0 to 1, (SIDE, SIDE); an object of which less than a quarter would be
            seen is infinitely far.
        tint: the light that the object stands in.
    """
    known, candidates = gallery(), _in_light(tint)
    weight = free.reshape(-1)
    pixels = seen.reshape(-1, 3)
    mass = known.opaque @ weight
    own = known.opaque @ (weight * (pixels**2).sum(1))
    cross = candidates.weighted @ (weight[:, None] * pixels).reshape(-1)
    theirs = candidates.squared @ weight
    mean = (own - 2 * cross + theirs) / np.maximum(mass, 1e-6) / 3
    return np.asarray(np.where(mass < _LEAST_SEEN * known.opaque.sum(1), np.inf, mean), np.float32)


def nearest(seen: Array, free: Array, tint: Tint) -> str:
    """The name of the object that is nearest to what is seen (see `distances`)."""
    return gallery().names[int(np.argmin(distances(seen, free, tint)))]


@lru_cache(maxsize=2)  # one scene has one light
def _in_light(tint: Tint) -> _Candidates:
    known = gallery()
    lit = np.minimum(known.colours * np.asarray(tint, np.float32), 255)
    weighted = (known.opaque[..., None] * lit).reshape(len(known.names), -1)
    return _Candidates(weighted, known.opaque * (lit**2).sum(-1))


def _samples(thing: Object) -> Array:
    frame = thing.picture.convert("RGBa").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.frombuffer(frame.tobytes(), np.uint8).reshape(SIDE, SIDE, 4).astype(np.float32)


@cache
def _by_name() -> dict[str, Object]:
    return {thing.name: thing for thing in objects("all")}


def _placement(name: str, pose: Pose, box: Edges) -> tuple[float, ...]:
    """Sample (x, y) of the undone frame -> point of the picture, as the six numbers of Pillow's affine transform."""
    (width, height), centre, outline = _outline(name, pose)
    left, top, right, bottom = box
    across, down = (right - left) / (outline[2] - outline[0]), (bottom - top) / (outline[3] - outline[1])
    turn = math.radians(pose.degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    x_step, y_step = (-width if pose.flip else width) / (SIDE * _FINER), height / (SIDE * _FINER)
    a, b = cos * x_step * across, sin * y_step * across
    d, e = -sin * x_step * down, cos * y_step * down
    half = SIDE * _FINER / 2
    middle_x, middle_y = left + (centre[0] - outline[0]) * across, top + (centre[1] - outline[1]) * down
    return a, b, middle_x - half * (a + b), d, e, middle_y - half * (d + e)


@lru_cache(maxsize=64)  # every system's picture of a scene asks for the same ones
def _outline(name: str, pose: Pose) -> tuple[tuple[int, int], tuple[float, float], tuple[int, int, int, int]]:
    """Size of an object's frame, and in the frame turned by the pose its centre and the tight box of the object."""
    picture = _by_name()[name].picture
    stretch = math.sqrt(picture.width / picture.height / pose.squash)
    size = max(4, round(_UNIT * stretch)), max(4, round(_UNIT / stretch))
    alpha = picture.getchannel("A").resize(size, Image.Resampling.BICUBIC)
    if pose.flip:
        alpha = alpha.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = alpha.rotate(pose.degrees, Image.Resampling.BICUBIC, expand=True)
    box = turned.point(lambda value: 255 * (value > 127)).getbbox()
    assert box is not None, f"{name} has no opaque pixel"
    return size, (turned.width / 2, turned.height / 2), box
