"""The references of a scene as a report shows them, and the layout that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.errors import SceneError
from contextgen_cli.models.catalogue import recorded_card
from contextgen_cli.records import picture_file
from contextgen_cli.records.inputs import Finder
from contextgen_cli.records.output import companion
from contextgen_cli.report.thumbnails import data_address, reduced
from contextgen_cli.scene.check.images import open_layout, open_placed
from contextgen_cli.scene.scene import PlacedReference, Reference, Scene, Size

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen.method.method_card import ModelCard
    from contextgen.method.placement import Extent

_SIDE = 160  # pixels of a cut-out
_HALF = 128  # masks are cut at one half of 255

Use = tuple[object, ...]  # a reference's name, and how it is mirrored and turned
Share = tuple[float, float, float, float]  # left, top, width and height, in per cent of the canvas


@dataclass(frozen=True, slots=True)
class Cutout:
    """A subject without its background: the picture of it alone, and how far it reaches as the model sees it.

    Attributes:
        address: the picture, as a `data:` address.
    """

    address: str
    extent: Extent


@dataclass(frozen=True, slots=True)
class Shown:
    """A reference: its cut-out, or why there is none."""

    name: str
    cutout: Cutout | None = None
    note: str | None = None


class Subjects:
    """Opens every reference once for a model and a size of canvas, however many pictures were painted from it."""

    def __init__(self, finder: Finder, side: int) -> None:
        self._finder = finder
        self._side = side
        self._shown: dict[tuple[Reference, Use, ModelCard, Size], Shown] = {}
        self._cards: dict[str, ModelCard] = {}
        self._layouts: dict[Path, str | None] = {}

    def shown(self, scene: Scene, digests: Mapping[str, str], model: str) -> dict[Use, Shown]:
        """The references of a scene in its order, each in every way in which instances use it, as the model of that
        name sees them."""
        if model not in self._cards:
            self._cards[model] = recorded_card(model)
        card = self._cards[model]
        located, lost = self._finder.locate(scene, digests)
        complaints = {each.name: each.complaint.split(" (")[0] for each in lost}
        found = {}
        for recorded, now in zip(scene.references, located.references, strict=True):
            lacks = [complaints[path] for path in _paths(recorded) if path in complaints]
            for instance in (each for each in scene.instances if each.reference == recorded.name):
                found[use_of(instance)] = self._look(now, instance, lacks, card, scene.canvas)
        return found

    def own_layout(self, scene: Scene, digests: Mapping[str, str]) -> str | None:
        """The layout image that a scene names, if it is still there."""
        if scene.layout is None:
            return None
        path = self._finder.find(scene.layout.as_posix(), digests[scene.layout.as_posix()]).path
        return None if path is None else self._layout(path)

    def kept_layout(self, picture: Path) -> str | None:
        """The layout image that a run kept beside a picture, if it did."""
        try:
            with picture_file.opened(companion(picture, "layout")) as image:
                picture_file.refuse_large(image)
                return data_address(reduced(image, self._side))
        except OSError:
            return None

    def _layout(self, path: Path) -> str | None:
        """A layout image, small; None if it cannot be read."""
        if path not in self._layouts:
            try:
                self._layouts[path] = data_address(reduced(open_layout(path), self._side))
            except SceneError:
                self._layouts[path] = None
        return self._layouts[path]

    def _look(
        self, reference: Reference, placed: PlacedReference, complaints: list[str], card: ModelCard, canvas: Size
    ) -> Shown:
        if complaints:
            return Shown(reference.name, note=", ".join(complaints))
        key = reference, use_of(placed), card, canvas
        if key not in self._shown:
            try:
                self._shown[key] = Shown(reference.name, _cut_out(*open_placed(reference, placed), card, canvas))
            except SceneError as problem:
                self._shown[key] = Shown(reference.name, note=problem.message)
        return self._shown[key]


def use_of(instance: PlacedReference) -> Use:
    """What of an instance decides how its reference looks."""
    return instance.reference, *instance.turn.items()


def place(instance: PlacedReference, cutout: Cutout, canvas: Size) -> Share:
    """Where the layout image has a subject; what sticks out of the canvas is in it."""
    from contextgen.method import placement

    placed = placement.place(cutout.extent, instance.box.pixels, instance.fit.value, (canvas.width, canvas.height))
    return share(placed.edges, canvas)


def share(edges: tuple[float, float, float, float], canvas: Size) -> Share:
    """Edges in canvas pixels as shares of the canvas."""
    left, top, right, bottom = edges
    shares = (left / canvas.width, top / canvas.height, (right - left) / canvas.width, (bottom - top) / canvas.height)
    return tuple(round(100 * value, 2) for value in shares)  # type: ignore[return-value]


def _paths(reference: Reference) -> list[str]:
    return [path.as_posix() for path in (reference.image, reference.mask) if path is not None]


def _cut_out(image: Image, mask: Image, card: ModelCard, canvas: Size) -> Cutout:
    from contextgen.method.layout import extent_of

    bounds = mask.point(lambda value: 255 * (value >= _HALF)).getbbox()
    assert bounds is not None, "an empty mask does not open"
    try:
        extent = extent_of(mask, card, (canvas.width, canvas.height))
    except ValueError as problem:  # nothing is left of it in the model's size
        raise SceneError(str(problem)) from problem
    subject = image.crop(bounds).convert("RGB")
    subject.putalpha(mask.crop(bounds))
    subject.thumbnail((_SIDE, _SIDE), reducing_gap=2)
    return Cutout(data_address(subject), extent)
