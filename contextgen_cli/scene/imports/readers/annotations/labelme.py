"""labelme's JSON: one image a file, with polygons, rectangles, circles and masks.

Shapes of one label and one `group_id` are parts of one subject.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from contextgen_cli.scene.imports import annotated
from contextgen_cli.scene.imports.annotated import AnnotatedSubject
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import (
    MalformedError,
    brief,
    fetch,
    listed,
    numbers,
    size,
    some_text,
    text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.outlines import Polygon, Polygons, SubjectOutline
from contextgen_cli.scene.imports.picture_search import photograph
from contextgen_cli.scene.imports.shapes import ellipse
from contextgen_cli.scene.imports.small_masks import decoded_base64, placed_mask

_CORNERED = ("polygon", "rectangle", "rotation")  # the last as X-AnyLabeling has it
Shape = Mapping[str, Any]


def matches(document: Document) -> bool:
    return any(isinstance(item, dict) and {"shapes", "imagePath"} <= item.keys() for item in listed(document.tree))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for at, item in enumerate(listed(document.tree)):
        called = (some_text(item, "imagePath") if isinstance(item, dict) else None) or f"entry {at}"
        yield ImportEntry(called, partial(_scene, item, document, target))


def _scene(item: Any, document: Document, target: Target) -> Imported:
    name, shapes = text(item, "imagePath"), fetch(item, "shapes", list)
    photo = photograph(name, size(item.get("imageWidth"), item.get("imageHeight")), document, target)
    subjects = ((called, partial(_subject, called, group)) for called, group in _groups(shapes))
    return annotated.scene(photo, subjects, target)


def _groups(shapes: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The shapes of each subject."""
    groups: dict[object, list[Any]] = {}
    for at, shape in enumerate(shapes):
        group = shape.get("group_id") if isinstance(shape, dict) else None
        key = at if group is None else (str(group), str(shape.get("label")))
        groups.setdefault(key, []).append((at, shape))
    for group in groups.values():
        yield f"shape {group[0][0]}", [shape for _, shape in group]


def _subject(called: str, group: Sequence[Any]) -> AnnotatedSubject:
    label = text(group[0], "label")
    if len(group) == 1:
        return AnnotatedSubject(called, label, None, _outline(group[0]))
    parts = [part for shape in group for part in _polygons(shape).parts]
    return AnnotatedSubject(called, label, None, Polygons.of(parts))


def _outline(shape: Shape) -> SubjectOutline:
    return _mask(shape) if shape.get("shape_type") == "mask" else _polygons(shape)


def _polygons(shape: Shape) -> Polygons:
    kind, points = shape.get("shape_type") or "polygon", _points(shape)
    if kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        return Polygons(((x0, y0, x1, y0, x1, y1, x0, y1),))
    if kind == "circle" and len(points) == 2:
        radius = math.dist(*points)
        return ellipse(points[0], (radius, radius))
    corners: Polygon = tuple(part for point in points for part in point)
    found = Polygons.of([corners]) if kind in _CORNERED else None
    if found is None:
        raise MalformedError(f"a {brief(kind)} of {len(points)} points has no area")
    return found


def _points(shape: Shape) -> list[tuple[float, float]]:
    points = [numbers(point) for point in fetch(shape, "points", list)]
    if not all(len(point) == 2 for point in points):
        raise MalformedError(f"its points are not all x and y: {brief(points)}")
    return [(x, y) for x, y in points]


def _mask(shape: Shape) -> SubjectOutline:
    """A mask is a small picture, laid where the first of its points is."""
    points = _points(shape)
    return placed_mask(decoded_base64(text(shape, "mask")), points[0] if points else (0, 0))


FORMAT = Format("labelme", "labelme's JSON: polygons, rectangles, circles, masks", matches, entries)
