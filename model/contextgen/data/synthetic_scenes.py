"""Synthetic scenes: objects before a procedural background, what a model is given and the picture it should paint.

Three levels in the spirit of IMIG-100K's: *plain* (upright, hardly overlapping), *complex* (many objects, occlusion,
tilts, a squashed viewpoint, the background's light) and *flexible* (looks that depart from the reference, named in the
caption). The target has soft shadows that the layout lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from contextgen.data.captions import Mention, caption
from contextgen.data.example import Example
from contextgen.data.hints import drawn_hints, layout_image
from contextgen.data.objects import Object
from contextgen.data.placing import PlacedObject, place
from contextgen.data.posing import NO_TINT, Pose, Tint
from contextgen.data.scenery.backgrounds import BACKGROUNDS, Variant
from contextgen.method.layout import Instance

LEVELS = ("plain", "complex", "flexible")
MOST = {"plain": 6, "complex": 8, "flexible": 6}  # instances that a level is meant for
ALL_PLAIN: Mapping[str, float] = {"plain": 1.0}
_HIDDEN = {"plain": 0.06, "complex": 0.45, "flexible": 0.2}  # share of a box that others may cover
_LIT = {"plain": 0.0, "complex": 0.5, "flexible": 0.5}  # share of scenes whose objects take on the light
_LARGEST_MARGIN = 0.2  # of a side: transparent pixels around a reference's object
_SHADOW = 0.42  # how dark

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
Masks = npt.NDArray[np.bool_]  # (N, H, W)


@dataclass(frozen=True)
class SyntheticScene:
    """A scene and all that is known of it; what is said of instances is in their order, back to front.

    Attributes:
        level: `plain`, `complex` or `flexible`.
        prompt: the caption.
        background: its name.
        variant: the background's look.
        background_pixels: the empty background.
        target: the picture to paint, RGB.
        instances: references with their boxes: the tight boxes of what the target shows, hidden parts included.
        names: what the caption calls the objects.
        poses: what was done to them.
        hints: what the layout shows of each: `plain`, `blurred`, `silhouette` or `absent`.
        layout: RGBA; None where the automatic composite is meant (all hints are plain).
        full_masks: each object, whole.
        visible_masks: what the objects in front of it leave of each.
    """

    level: str
    prompt: str
    background: str
    variant: Variant
    background_pixels: Pixels
    target: Image.Image
    instances: tuple[Instance, ...]
    names: tuple[str, ...]
    poses: tuple[Pose, ...]
    hints: tuple[str, ...]
    layout: Image.Image | None
    full_masks: Masks
    visible_masks: Masks

    def example(self, name: str) -> Example:
        """The scene as a training example."""
        return Example(name, self.prompt, self.target, self.instances, self.layout)


def draw(
    rng: np.random.Generator,
    level: str,
    canvas: tuple[int, int],
    count: int,
    objects: Sequence[Object],
    hints: Mapping[str, float] = ALL_PLAIN,
) -> SyntheticScene:
    """Draw a scene of `count` objects out of `objects`, each at most once.

    Args:
        canvas: width and height in pixels, 64 to 384 each.
        hints: how often the layout shows an instance plain, blurred, as a silhouette, or not at all.

    Raises:
        ValueError: an unknown level, or fewer objects than `count`.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}: use one of {', '.join(LEVELS)}")
    width, height = canvas
    things = [objects[index] for index in rng.choice(len(objects), count, replace=False)]
    behind = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    variant = behind.variants[int(rng.integers(len(behind.variants)))]
    lit = variant.light.gain != NO_TINT and bool(rng.random() < _LIT[level])
    cast = [(thing, _pose(rng, level, variant.light.gain if lit else NO_TINT)) for thing in things]
    placed = place(rng, cast, canvas, _HIDDEN[level])
    background = behind.paint(rng, width, height, variant)
    full = _masks(placed, width, height)
    instances = tuple(Instance(_reference(rng, each.thing.picture), box=each.box) for each in placed)
    shown = drawn_hints(rng, hints, count)
    return SyntheticScene(
        level=level,
        prompt=caption(rng, _mentions(rng, placed, full), variant.phrase, variant.light.words if lit else ""),
        background=behind.name,
        variant=variant,
        background_pixels=background,
        target=_paint(background, placed),
        instances=instances,
        names=tuple(each.thing.name for each in placed),
        poses=tuple(each.pose for each in placed),
        hints=shown,
        layout=layout_image(rng, instances, shown, width, height),
        full_masks=full,
        visible_masks=_visible(full),
    )


def _pose(rng: np.random.Generator, level: str, tint: Tint) -> Pose:
    pose = Pose(tint=tint)
    if level == "complex":
        tilt = rng.uniform(10, 30) * rng.choice([-1, 1]) if rng.random() < 0.4 else rng.uniform(-5, 5)
        return replace(pose, degrees=float(tilt), squash=float(rng.uniform(0.75, 1.05)))
    if level == "flexible":
        tilt = float(rng.uniform(15, 40) * rng.choice([-1, 1]))
        changes = replace(pose, flip=True), replace(pose, degrees=180.0), replace(pose, degrees=tilt), pose
        return changes[int(rng.integers(len(changes)))]
    return pose


def _reference(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """The object at its own size, mostly in a transparent margin."""
    if rng.random() < 0.3:
        return picture
    left, top, right, bottom = (
        round(side * share) for side, share in zip(picture.size * 2, rng.uniform(0, _LARGEST_MARGIN, 4), strict=True)
    )
    frame = Image.new("RGBA", (picture.width + left + right, picture.height + top + bottom))
    frame.paste(picture, (left, top))
    return frame


def _mentions(rng: np.random.Generator, placed: Sequence[PlacedObject], full: Masks) -> list[Mention]:
    mentions = []
    for index, each in enumerate(placed):
        words = each.pose.words
        covers = frozenset(k for k in range(index) if (full[index] & full[k]).sum() > 0.04 * full[k].sum())
        manner = words[int(rng.integers(len(words)))] if words else ""
        mentions.append(Mention(each.thing.name, manner, each.box, covers))
    return mentions


def _paint(background: Pixels, placed: Sequence[PlacedObject]) -> Image.Image:
    canvas = background.astype(np.float32)
    for each in placed:
        _cast_shadow(canvas, each)
        part = canvas[each.area]
        part += (each.cutout.colours - part) * each.cutout.cover[..., None]
    return Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))


def _cast_shadow(canvas: npt.NDArray[np.float32], placed: PlacedObject) -> None:
    """A soft ellipse about the foot of the object, as wide as its lowest part."""
    left, _, _, foot = placed.box
    width, height = placed.cutout.size
    columns = np.flatnonzero((placed.cutout.cover[int(height * 0.8) :] > 0.5).any(0))
    first, last = int(columns[0]), int(columns[-1])
    centre, half = left + (first + last) / 2, max(0.55 * (last - first), 0.12 * width)
    thick = max(0.06 * height, 3.0)
    rows = _near(foot - 0.5 * thick, 3 * thick, canvas.shape[0])
    across = _near(centre, 2 * half, canvas.shape[1])
    down = np.exp(-(((rows - foot) / thick + 0.5) ** 2))
    wide = np.exp(-(((across - centre) / half) ** 4))
    area = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)
    canvas[area] *= (1 - np.float32(_SHADOW) * down[:, None] * wide)[..., None]


def _near(middle: float, reach: float, length: int) -> npt.NDArray[np.float32]:
    """The pixels of a row of `length` within `reach` of its `middle`, at least one."""
    first = min(max(0, int(middle - reach)), length - 1)
    return np.arange(first, max(first + 1, min(length, int(middle + reach))), dtype=np.float32)


def _masks(placed: Sequence[PlacedObject], width: int, height: int) -> Masks:
    masks = np.zeros((len(placed), height, width), np.bool_)
    for mask, each in zip(masks, placed, strict=True):
        mask[each.area] = each.cutout.cover > 0.5
    return masks


def _visible(full: Masks) -> Masks:
    visible: Masks = full.copy()
    for index in range(len(full) - 1):
        visible[index] &= ~full[index + 1 :].any(0)
    return visible
