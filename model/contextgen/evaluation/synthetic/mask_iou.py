"""Whether an object has its form and place: what differs from the empty background, against the truth's mask."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from contextgen.method.layout import Mask
from contextgen.method.placement import Edges

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
Array = npt.NDArray[np.float32]

GROWN = 0.1  # of a box's sides: how far around it paint is looked for
_DIFFERENT = 15.0  # of 255, root mean square over the channels
_SPECKS = 3  # pixels: side of the median that takes single ones out
_RIM = 1  # pixels: around the neighbours, whose edges belong to nobody


class BackgroundEstimate:
    """The colours that the background of a scene may have, at the pixels of `where` (H, W).

    They are those of any of the `backgrounds` at that place, bare or in the shadow that the truth has there or anything
    between: a picture is judged by its objects, and neither by how it casts their shadows nor by where it puts the
    clouds.

    Args:
        backgrounds: empty ones of the right look, (K, H, W, 3), the truth's first.
        shaded: the truth's background with the shadows of its objects (see `shaded_background`).
    """

    def __init__(self, backgrounds: npt.NDArray[np.uint8], shaded: Pixels, where: Mask) -> None:
        self._where = where
        self._bare = backgrounds[:, where].astype(np.float32)  # (K, P, 3)
        gain = (shaded[where].astype(np.float32) + 1) / (self._bare[0] + 1)
        self._shade = self._bare * (gain - 1)
        self._squared = np.maximum(_dot(self._shade, self._shade), 1e-6)  # (K, P)

    def differing(self, picture: Pixels) -> Mask:
        """The pixels that are no background, (H, W), of a picture (H, W, 3)."""
        from_bare = picture[self._where].astype(np.float32) - self._bare
        along = _dot(from_bare, self._shade)
        depth = np.clip(along / self._squared, 0, 1)
        apart = _dot(from_bare, from_bare) - 2 * depth * along + depth**2 * self._squared
        different = np.zeros(self._where.shape, np.bool_)
        different[self._where] = apart.min(0) > 3 * _DIFFERENT**2
        return np.asarray(Image.fromarray(different).convert("L").filter(ImageFilter.MedianFilter(_SPECKS))) > 0


def shaded_background(truth: Pixels, background: Pixels, masks: npt.NDArray[np.bool_]) -> Pixels:
    """The truth without its objects, (H, W, 3): what is seen of the background there has their shadows on it.

    Args:
        masks: of the objects, (N, H, W).
    """
    return np.where(grown_mask(np.asarray(masks.any(0)), _RIM)[..., None], background, truth)


def intersection_over_union(different: Mask, own: Mask, others: Mask, box: Edges) -> float:
    """Overlap of one object's mask with what differs from the background about its box, 0 to 1.

    Where other objects are seen nothing can be said, so it is left out, a pixel's rim with it. Nan if nothing is left.

    Args:
        different: what `BackgroundEstimate.differing` says.
        own, others: the visible masks of the object and of all others.
    """
    where = box_mask(grown_box(box, GROWN), own.shape) & ~grown_mask(others & ~own, _RIM)
    found, true = different & where, own & where
    union = int((found | true).sum())
    return int((found & true).sum()) / union if union else math.nan


def grown_box(box: Edges, share: float) -> Edges:
    """A box with a share of its sides added on every side; it may stick out of the canvas."""
    left, top, right, bottom = box
    across, down = round((right - left) * share), round((bottom - top) * share)
    return left - across, top - down, right + across, bottom + down


def box_mask(box: Edges, shape: tuple[int, ...]) -> Mask:
    """The pixels in a box, of a picture of `shape` (H, W)."""
    left, top, right, bottom = box
    mask = np.zeros(shape, np.bool_)
    mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    return mask


def grown_mask(mask: Mask, pixels: int) -> Mask:
    """A mask with all that is within so many pixels of it, diagonals included."""
    image = Image.fromarray(mask).convert("L").filter(ImageFilter.MaxFilter(2 * pixels + 1))
    return np.asarray(image) > 0


def _dot(first: Array, second: Array) -> Array:
    return np.asarray(np.einsum("kpc,kpc->kp", first, second), np.float32)
