"""All that is measured of one picture of one synthetic scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation import fidelity
from contextgen.evaluation.synthetic import background_metric, identity, mask_iou
from contextgen.method.layout import Mask

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)

LEAST_VISIBLE = 0.4  # of an object's mask: one that is hidden more is not asked for
_LIKENESSES = 16  # of the background that any pixel is compared with, beside the truth's own


@dataclass(frozen=True)
class SceneMetrics:
    """What is measured of one picture.

    Attributes:
        found: for every instance that is asked for, what stands at its place: the object's name and the nearest one's.
        hidden: how many instances are not asked for.
        overlaps: intersection over union of their masks with the truth's.
        background: its name and of the nearest one.
        psnr_boxes, psnr_outside: in dB, inside all boxes and outside of them.
        ssim_boxes, ssim_outside: likewise.
    """

    found: tuple[tuple[str, str], ...]
    hidden: int
    overlaps: tuple[float, ...]
    background: tuple[str, str]
    psnr_boxes: float
    psnr_outside: float
    ssim_boxes: float
    ssim_outside: float

    @property
    def hits(self) -> tuple[bool, ...]:
        """For every instance that is asked for, whether it is the right object."""
        return tuple(name == nearest for name, nearest in self.found)


class Ruler:
    """All that is needed of a scene to measure any number of pictures of it."""

    def __init__(self, scene: SyntheticScene) -> None:
        self._scene, self._truth = scene, np.asarray(scene.target)
        self._asked = asked_for(scene)
        self._inside, self._around = _boxed(scene, 0), _boxed(scene, mask_iou.GROWN)
        height, width = self._inside.shape
        others = background_metric.redrawn(scene.background, scene.variant, width, height, _LIKENESSES)
        shaded = mask_iou.shaded_background(self._truth, scene.background_pixels, scene.full_masks)
        possible = np.concatenate([scene.background_pixels[None], others])
        self._background = mask_iou.BackgroundEstimate(possible, shaded, self._around)

    def measure(self, picture: Pixels) -> SceneMetrics:
        """Compare a picture of the scene, (H, W, 3), with the truth.

        Raises:
            ValueError: the picture is not of the truth's size.
        """
        if picture.shape != self._truth.shape:
            raise ValueError(f"the picture is {picture.shape}, the truth {self._truth.shape}")
        scene, inside = self._scene, self._inside
        similarity = fidelity.ssim(picture, self._truth)
        return SceneMetrics(
            found=tuple((scene.names[index], self._nearest(picture, index)) for index in self._asked),
            hidden=len(scene.names) - len(self._asked),
            overlaps=tuple(self._overlaps(picture)),
            background=(scene.background, background_metric.nearest_background(picture, ~self._around)),
            psnr_boxes=fidelity.psnr(picture, self._truth, inside),
            psnr_outside=fidelity.psnr(picture, self._truth, ~inside),
            ssim_boxes=fidelity.average(similarity, inside),
            ssim_outside=fidelity.average(similarity, ~inside),
        )

    def _nearest(self, picture: Pixels, index: int) -> str:
        scene = self._scene
        name, pose, box = scene.names[index], scene.poses[index], scene.instances[index].box
        front = scene.full_masks[index + 1 :].any(0)
        free = identity.view(np.where(front, np.uint8(0), np.uint8(255)), name, pose, box) / np.float32(255)
        return identity.nearest(identity.view(picture, name, pose, box), free, pose.tint)

    def _overlaps(self, picture: Pixels) -> Iterator[float]:
        scene, different = self._scene, self._background.differing(picture)
        everything = scene.visible_masks.any(0)
        for index in self._asked:
            own = scene.visible_masks[index]
            yield mask_iou.intersection_over_union(different, own, everything & ~own, scene.instances[index].box)


def asked_for(scene: SyntheticScene) -> tuple[int, ...]:
    """The instances of which enough is visible."""
    visible, full = (masks.sum((1, 2)) for masks in (scene.visible_masks, scene.full_masks))
    return tuple(np.flatnonzero(visible >= LEAST_VISIBLE * full).tolist())


def _boxed(scene: SyntheticScene, grown: float) -> Mask:
    boxes = (mask_iou.grown_box(instance.box, grown) for instance in scene.instances)
    masks = [mask_iou.box_mask(box, scene.background_pixels.shape[:2]) for box in boxes]
    return np.asarray(np.any(masks, axis=0))
