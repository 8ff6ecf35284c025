"""Supervisely's JSON: one image a file, called as the image with `.json` behind it; rectangles, polygons, bitmaps.

The inner rings of a polygon are holes. A bitmap is a PNG, deflated, laid where its `origin` is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
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
    readings,
    size,
    some_text,
    text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.outlines import Polygon, Polygons, SubjectOutline
from contextgen_cli.scene.imports.picture_search import photograph
from contextgen_cli.scene.imports.small_masks import decoded_base64, placed_mask

_LARGEST = 64 << 20  # bytes of a bitmap once it is inflated


def matches(document: Document) -> bool:
    return any(isinstance(item, dict) and {"objects", "size"} <= item.keys() for item in listed(document.tree))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for item in listed(document.tree):
        yield ImportEntry(document.path.name, partial(_scene, item, document, target))


def _scene(item: Any, document: Document, target: Target) -> Imported:
    objects, sides = fetch(item, "objects", list), fetch(item, "size", dict)
    photo = photograph(document.path.stem, size(sides.get("width"), sides.get("height")), document, target)
    return annotated.scene(photo, readings("object", objects, _subject), target)


def _subject(item: Any) -> AnnotatedSubject:
    label, kind = some_text(item, "classTitle") or "subject", text(item, "geometryType")
    called = f"the {kind} of {brief(label)}"
    if kind == "bitmap":
        return AnnotatedSubject(called, label, None, _bitmap(fetch(item, "bitmap", dict)))
    points = fetch(item, "points", dict)
    outer = _points(points.get("exterior"))
    if kind == "rectangle" and len(outer) == 4:
        return AnnotatedSubject(called, label, (min(outer[::2]), min(outer[1::2]), max(outer[::2]), max(outer[1::2])))
    if kind != "polygon":
        raise MalformedError(f"a {kind} has no area")
    holes = [_points(ring) for ring in listed(points.get("interior"))]
    return AnnotatedSubject(called, label, None, Polygons.of([outer, *holes]))


def _points(written: Any) -> Polygon:
    points: Sequence[tuple[float, ...]] = [numbers(point) for point in listed(written)]
    if not all(len(point) == 2 for point in points):
        raise MalformedError(f"its points are not all x and y: {brief(written)}")
    return tuple(value for point in points for value in point)


def _bitmap(bitmap: dict[str, Any]) -> SubjectOutline:
    origin = numbers(fetch(bitmap, "origin", list))
    if len(origin) != 2:
        raise MalformedError(f"its origin is not x and y: {brief(bitmap['origin'])}")
    try:
        png = zlib.decompressobj().decompress(decoded_base64(text(bitmap, "data")), _LARGEST)
    except zlib.error as error:
        raise MalformedError(f"its bitmap is not deflated: {error}") from None
    return placed_mask(png, (origin[0], origin[1]))


FORMAT = Format("supervisely", "Supervisely's JSON: rectangles, polygons, bitmaps", matches, entries)
