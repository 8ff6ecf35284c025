"""A subject of a record -> the reference that an example shows of it, its box, and how it is pasted into the layout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contextgen.data.imig import imig_files
from contextgen.data.imig.imig_files import PictureFiles
from contextgen.data.imig.imig_records import Box, ComposedSubject, CutSubject, Face, ImigSet, Record
from contextgen.method.layout import Instance
from contextgen.method.placement import Edges
from contextgen.pictures.masks import HALF

_ROUNDING = 1  # pixels by which a crop may be larger or smaller than its box

Size = tuple[int, int]  # width, height
Point = tuple[float, float]


@dataclass(frozen=True)
class Piece:
    """A reference as one example shows it.

    Attributes:
        instance: the whole picture, its box on the canvas, and how it is fitted there.
        cut_from: left and top in the target of a picture that was cut out of it, which then lies where it was.
        valid: a part of the picture that is fitted along with its subject.
        face: the centre of a face in the picture, and where on the canvas it belongs.
    """

    instance: Instance
    cut_from: tuple[int, int] | None = None
    valid: Edges | None = None
    face: tuple[Point, Point] | None = None


@dataclass(frozen=True)
class Frame:
    """A target's size and the canvas' that it is resized to."""

    target: Size
    canvas: Size

    def point(self, x: float, y: float) -> Point:
        """A point of the target on the canvas."""
        return x * self.canvas[0] / self.target[0], y * self.canvas[1] / self.target[1]

    def box(self, box: Box) -> Edges:
        """A box of the target on the canvas, in whole pixels, at least one a side.

        Raises:
            ValueError: nothing of it lies in the target.
        """
        left, top, right, bottom = inside(box, self.target)
        (x0, y0), (x1, y1) = self.point(left, top), self.point(right, bottom)
        x, y = min(round(x0), self.canvas[0] - 1), min(round(y0), self.canvas[1] - 1)
        return x, y, max(x + 1, round(x1)), max(y + 1, round(y1))


def inside(box: Box, size: Size) -> Edges:
    """What of a box lies in its picture, in whole pixels: detectors let boxes reach over the edge.

    Raises:
        ValueError: nothing does.
    """
    left, top, right, bottom = (round(edge) for edge in box)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(right, size[0]), min(bottom, size[1])
    if x1 <= x0 or y1 <= y0:
        raise ValueError(
            f"the box {[left, top, right, bottom]} lies outside its picture of {size[0]} x {size[1]} pixels"
        )
    return x0, y0, x1, y1


def cut_piece(source: ImigSet, record: Record, subject: CutSubject, frame: Frame, *, take_edited: bool) -> Piece:
    """A part of the target: its edited look if that is to be taken and is there, else as it was cut out.

    Raises:
        ValueError: a picture is missing or broken, or a box lies outside of it.
    """
    box, edited = frame.box(subject.box), imig_files.edited(source, record, subject)
    if take_edited and (subject.valid is not None or edited.image.is_file()):
        if subject.valid is None:
            return Piece(_instance(edited, box, "image"))
        instance = _instance(edited, box, "area")
        return Piece(instance, valid=inside(subject.valid, instance.image.size))
    instance = _instance(imig_files.crop(source, record, subject), box, "image")
    left, top, right, bottom = (round(edge) for edge in subject.box)
    apart = (abs(side - length) for side, length in zip(instance.image.size, (right - left, bottom - top), strict=True))
    return Piece(instance, cut_from=(left, top) if max(apart) <= _ROUNDING else None)


def composed_piece(
    source: ImigSet, record: Record, subject: ComposedSubject, frame: Frame, *, take_face: bool
) -> Piece:
    """A reference of a composite: its aligned face if that is to be taken, or nothing else was found; else all of it.

    Raises:
        ValueError: as `cut_piece` does.
    """
    face = subject.face
    if face is not None and face.aligned is not None and (take_face or subject.box is None):
        files = imig_files.portrait(source, record, subject)
        picture = opened(files.image)
        instance = Instance(picture, box=aligned_box(face.target, face.aligned, picture.size, frame), fit="image")
        return Piece(instance, face=(_centre(face.aligned), _on_canvas(face, frame)))
    assert subject.box is not None  # imig_records keeps no other
    instance = _instance(imig_files.body(source, record, subject), frame.box(subject.box), "image")
    return Piece(instance, face=None if face is None else (_centre(face.reference), _on_canvas(face, frame)))


def aligned_box(target: Box, aligned: Box, size: Size, frame: Frame) -> Edges:
    """Where the whole picture of an aligned face lies on the canvas, which it is cut at, in whole pixels.

    Args:
        target: the face in the target.
        aligned: the same face in the picture of it.
        size: of that picture.

    Raises:
        ValueError: nothing of it lies on the canvas.
    """
    share = math.sqrt(size[0] * size[1] / ((aligned[2] - aligned[0]) * (aligned[3] - aligned[1])))
    (x, y), (left, top), (right, bottom) = (frame.point(*point) for point in (_centre(target), target[:2], target[2:]))
    across, down = share * (right - left) / 2, share * (bottom - top) / 2
    x0, y0 = int(max(0, x - across)), int(max(0, y - down))
    x1, y1 = int(min(frame.canvas[0], x + across)), int(min(frame.canvas[1], y + down))
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"the face {list(target)} lies outside its picture, or is smaller than a pixel")
    return x0, y0, x1, y1


def opened(path: Path) -> Image.Image:
    """A picture, all of it read.

    Raises:
        ValueError: it is missing or broken.
    """
    try:
        image = Image.open(path)
        image.load()  # and closes the file
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: fetch the set again, or remove the record") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    return image


def _instance(files: PictureFiles, box: Edges, fit: str) -> Instance:
    assert files.mask is not None
    mask = opened(files.mask).convert("L").point([0] * HALF + [255] * (256 - HALF))
    image = opened(files.image)
    if mask.size != image.size:
        raise ValueError(f"{files.mask} is {mask.size}, its picture {image.size}: they must be the same size")
    return Instance(image, mask, box, fit)


def _on_canvas(face: Face, frame: Frame) -> Point:
    return frame.point(*_centre(face.target))


def _centre(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
