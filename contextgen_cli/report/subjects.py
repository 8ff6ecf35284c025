"""The references of a scene as a report shows them, and the layout that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.errors import SceneError
from contextgen_cli.records.inputs import Finder
from contextgen_cli.report.thumbnails import data_address, reduced
from contextgen_cli.scene.check.images import open_layout, open_reference
from contextgen_cli.scene.scene import Fit, PlacedReference, Reference, Scene, Size

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 160  # pixels of a cut-out
_HALF = 128  # masks are cut at one half of 255

Share = tuple[float, float, float, float]  # left, top, width and height, in per cent of the canvas


@dataclass(frozen=True, slots=True)
class Cutout:
    """A subject without its background: the picture of it alone, and where it was in its frame.

    Attributes:
        address: the picture, as a `data:` address.
        frame: width and height of the reference.
        bounds: the subject's edges in it.
    """

    address: str
    frame: tuple[int, int]
    bounds: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """A reference: its cut-out, or why there is none."""

    name: str
    cutout: Cutout | None = None
    note: str | None = None


class Subjects:
    """Opens every reference once, however many pictures were painted from it."""

    def __init__(self, finder: Finder, side: int) -> None:
        self._finder = finder
        self._side = side
        self._cutouts: dict[Reference, Shown] = {}
        self._layouts: dict[Path, str | None] = {}

    def shown(self, scene: Scene, digests: Mapping[str, str]) -> list[Shown]:
        """The references of a scene that instances use, in its order."""
        located, lost = self._finder.locate(scene, digests)
        complaints = {each.name: each.complaint.split(" (")[0] for each in lost}
        used = {instance.reference for instance in scene.instances}
        return [
            self._shown(now, [complaints[path] for path in _paths(recorded) if path in complaints])
            for recorded, now in zip(scene.references, located.references, strict=True)
            if recorded.name in used
        ]

    def own_layout(self, scene: Scene, digests: Mapping[str, str]) -> str | None:
        """The layout image that a scene names, if it is still there."""
        if scene.layout is None:
            return None
        path = self._finder.find(scene.layout.as_posix(), digests[scene.layout.as_posix()]).path
        return None if path is None else self.layout(path)

    def layout(self, path: Path) -> str | None:
        """A layout image, small; None if it cannot be read."""
        if path not in self._layouts:
            try:
                self._layouts[path] = data_address(reduced(open_layout(path), self._side))
            except SceneError:
                self._layouts[path] = None
        return self._layouts[path]

    def _shown(self, reference: Reference, complaints: list[str]) -> Shown:
        if complaints:
            return Shown(reference.name, note=", ".join(complaints))
        if reference not in self._cutouts:
            try:
                self._cutouts[reference] = Shown(reference.name, _cut_out(*open_reference(reference)))
            except SceneError as problem:
                self._cutouts[reference] = Shown(reference.name, note=problem.message)
        return self._cutouts[reference]


def place(instance: PlacedReference, cutout: Cutout, canvas: Size) -> Share:
    """Where the layout image has a subject (`contextgen.method.layout`, to a pixel or so)."""
    left, top, right, bottom = instance.box.pixels
    width, height = right - left, bottom - top
    x, y = left + width / 2, top + height / 2
    subject_width, subject_height = cutout.bounds[2] - cutout.bounds[0], cutout.bounds[3] - cutout.bounds[1]
    if instance.fit is Fit.AREA:
        scale = math.sqrt(width * height / (subject_width * subject_height))
        width, height = round(subject_width * scale), round(subject_height * scale)
    elif instance.fit is Fit.IMAGE:
        frame_width, frame_height = cutout.frame
        scale = min(width / frame_width, height / frame_height)
        x += ((cutout.bounds[0] + cutout.bounds[2]) - frame_width) / 2 * scale
        y += ((cutout.bounds[1] + cutout.bounds[3]) - frame_height) / 2 * scale
        width, height = round(subject_width * scale), round(subject_height * scale)
    return share((x - width / 2, y - height / 2, x + width / 2, y + height / 2), canvas)


def share(edges: tuple[float, float, float, float], canvas: Size) -> Share:
    """Edges in canvas pixels as shares of the canvas."""
    left, top, right, bottom = edges
    shares = (left / canvas.width, top / canvas.height, (right - left) / canvas.width, (bottom - top) / canvas.height)
    return tuple(round(100 * value, 2) for value in shares)  # type: ignore[return-value]


def _paths(reference: Reference) -> list[str]:
    return [path.as_posix() for path in (reference.image, reference.mask) if path is not None]


def _cut_out(image: Image, mask: Image) -> Cutout:
    bounds = mask.point(lambda value: 255 * (value >= _HALF)).getbbox()
    assert bounds is not None, "an empty mask does not open"
    subject = image.convert("RGB").crop(bounds)
    subject.putalpha(mask.crop(bounds))
    subject.thumbnail((_SIDE, _SIDE), reducing_gap=2)
    return Cutout(data_address(subject), image.size, bounds)
