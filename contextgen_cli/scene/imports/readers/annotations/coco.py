"""COCO annotations: a scene for each image that has boxes.

`bbox` is [x, y, width, height] in pixels; the outline is drawn from the polygons of `segmentation`, or from its run
lengths, compressed or not. Where both are there the prompt is the image's caption.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from contextgen_cli.scene.imports import annotated
from contextgen_cli.scene.imports.annotated import AnnotatedSubject
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import (
    Edges,
    MalformedError,
    an_object,
    brief,
    fetch,
    four,
    number,
    numbers,
    of_corner,
    size,
    some_text,
    text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.outlines import Polygons, SubjectOutline
from contextgen_cli.scene.imports.picture_search import photograph
from contextgen_cli.scene.imports.run_lengths import coco_counts, runs
from contextgen_cli.scene.scene import Box, Size

Annotation = Mapping[str, Any]


@dataclass(frozen=True)
class _Picture:
    image: Mapping[str, Any]
    annotations: Sequence[Annotation]
    labels: Mapping[str, str]
    has_corners: bool  # boxes are [x1, y1, x2, y2], against the format

    @property
    def caption(self) -> str | None:
        return next((found for each in self.annotations if (found := some_text(each, "caption"))), None)


def matches(document: Document) -> bool:
    return isinstance(document.tree, dict) and {"images", "annotations"} <= document.tree.keys()


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    images, by_image = fetch(document.tree, "images", list), _by_image(document.tree)
    labels, has_corners = _labels(document.tree), _has_corners(images, by_image)
    for index, image in enumerate(images):
        own = by_image.pop(_id(image, "id"), []) if isinstance(image, dict) else []  # of two of an id, to the first
        if not isinstance(image, dict) or any(_is_region(each) for each in own):
            called = f"image {image['id']}" if isinstance(image, dict) and "id" in image else f"image {index}"
            picture = _Picture(image, own, labels, has_corners)
            yield ImportEntry(called, partial(_scene, picture, document, target))
    orphans = sum(map(len, by_image.values()))
    if orphans:
        yield ImportEntry(f"{orphans} annotations", partial(_refuse, "their `image_id` is that of no image"))


def _by_image(data: Any) -> dict[str, list[Annotation]]:
    """The annotations of each image, by its id."""
    found: dict[str, list[Annotation]] = {}
    for annotation in fetch(data, "annotations", list):
        if isinstance(annotation, dict):
            found.setdefault(_id(annotation, "image_id"), []).append(annotation)
    if any("segments_info" in each for own in found.values() for each in own):
        raise MalformedError("this is COCO's panoptic format: give its instances, such as instances_val2017.json")
    return found


def _labels(data: Mapping[str, Any]) -> dict[str, str]:
    """The names of the categories, by their ids."""
    categories = data.get("categories")
    listed = categories if isinstance(categories, list) else []
    return {_id(item, "id"): str(item.get("name")) for item in listed if isinstance(item, dict)}


def _refuse(why: str) -> Imported:
    raise MalformedError(why)


def _id(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)  # which some write as text here and as a number there
    return str(value) if isinstance(value, (str, int)) else brief(value)


def _is_region(annotation: Annotation) -> bool:
    return "bbox" in annotation or "segmentation" in annotation


def _scene(picture: _Picture, document: Document, target: Target) -> Imported:
    image = an_object(picture.image)
    name = some_text(image, "file_name", "coco_url") or text(image, "file_name")
    photo = photograph(name, size(image.get("width"), image.get("height")), document, target)
    regions = [each for each in picture.annotations if _is_region(each)]
    subjects = (
        (called, partial(_subject, called, each, picture, photo.frame)) for called, each in map(_called, regions)
    )
    return annotated.scene(photo, subjects, target, picture.caption)


def _called(annotation: Annotation) -> tuple[str, Annotation]:
    return f"annotation {annotation.get('id')}", annotation


def _subject(called: str, annotation: Annotation, picture: _Picture, frame: Size) -> AnnotatedSubject:
    if annotation.get("iscrowd"):
        raise MalformedError("it is a crowd, of which nobody is outlined")
    written = annotation.get("bbox")
    box = four(written) if written else None
    if box is not None and picture.has_corners:
        raise MalformedError(f"the boxes of this file look like [x1, y1, x2, y2]: {brief(written)}; {_MEANT}")
    if box is not None and max(map(abs, box)) <= 1:
        raise MalformedError(f"its box looks like fractions of the image: {brief(written)}; {_MEANT}")
    label = picture.labels.get(_id(annotation, "category_id")) or "subject"
    outline = _outline(annotation.get("segmentation"), frame)
    return AnnotatedSubject(called, label, of_corner(box) if box else None, outline)


_MEANT = "COCO's are [x, y, width, height] in pixels"


def _outline(segmentation: Any, frame: Size) -> SubjectOutline | None:
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [frame.height, frame.width]:
            said = brief(segmentation.get("size"))
            raise MalformedError(f"its run lengths are for a height and width of {said}, the image is {frame} px")
        counts = segmentation.get("counts")
        lengths = coco_counts(counts) if isinstance(counts, str) else numbers(counts)
        return runs(lengths, Box(0, 0, frame.width, frame.height), by_columns=True)
    if not segmentation:
        return None
    if not isinstance(segmentation, list):
        raise MalformedError(f"its segmentation is neither polygons nor run lengths: {brief(segmentation)}")
    return Polygons.of([numbers(polygon) for polygon in segmentation])


def _has_corners(images: Sequence[Any], annotations: Mapping[str, Sequence[Annotation]]) -> bool:
    """Whether all boxes could be two corners, and one of them could be nothing else."""
    is_certain = False
    for image in images:
        for annotation in annotations.get(_id(image, "id"), []) if isinstance(image, dict) else []:
            box = _box_in(image, annotation)
            if box is None:
                continue
            (x, y, right, bottom), (width, height) = box
            if not (x < right <= width and y < bottom <= height):
                return False
            is_certain |= x + right > 1.02 * width or y + bottom > 1.02 * height
    return is_certain


def _box_in(image: Mapping[str, Any], annotation: Annotation) -> tuple[Edges, tuple[float, float]] | None:
    """The four numbers, and the sides of the image; None where one of them cannot be read."""
    try:
        return four(annotation.get("bbox")), (number(image.get("width")), number(image.get("height")))
    except MalformedError:
        return None


FORMAT = Format("coco", "COCO annotations: boxes with polygons or run lengths, captions", matches, entries)
