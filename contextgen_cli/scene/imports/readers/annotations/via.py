"""VGG Image Annotator 2, JSON: the project, or its annotations alone; rectangles, circles, ellipses and polygons.

It does not say an image's size: the image must be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from contextgen_cli.scene.imports import annotated
from contextgen_cli.scene.imports.annotated import AnnotatedSubject
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import (
    MalformedError,
    brief,
    fetch,
    number,
    numbers,
    of_corner,
    readings,
    some_text,
    text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.outlines import Polygons, SubjectOutline
from contextgen_cli.scene.imports.picture_search import photograph
from contextgen_cli.scene.imports.shapes import ellipse

_PROJECT = "_via_img_metadata"
_LABELS = ("label", "name", "class", "type", "object")


def matches(document: Document) -> bool:
    return any(isinstance(item, dict) and {"filename", "regions"} <= item.keys() for item in _images(document).values())


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for key, item in _images(document).items():
        if not isinstance(item, dict) or item.get("regions") not in ([], {}):
            yield ImportEntry(brief(key), partial(_scene, item, document, target))


def _images(document: Document) -> Mapping[str, Any]:
    tree = document.tree if isinstance(document.tree, dict) else {}
    images = tree.get(_PROJECT, tree)
    return images if isinstance(images, dict) else {}


def _scene(item: Any, document: Document, target: Target) -> Imported:
    name = text(item, "filename")
    regions = fetch(item, "regions", object)
    if isinstance(regions, dict):  # as version 1 wrote them
        regions = list(regions.values())
    if not isinstance(regions, list):
        raise MalformedError(f"its regions are no list: {brief(regions)}")
    photo = photograph(name, None, document, target)
    return annotated.scene(photo, readings("region", regions, _subject), target)


def _subject(region: Any) -> AnnotatedSubject:
    shape = fetch(region, "shape_attributes", dict)
    attributes = region.get("region_attributes")
    label = some_text(attributes, *_LABELS, *attributes) if isinstance(attributes, dict) else None
    kind = shape.get("name")
    if kind == "rect":
        x, y, width, height = (_number(shape, key) for key in ("x", "y", "width", "height"))
        return AnnotatedSubject("a rectangle", label or "subject", of_corner((x, y, width, height)))
    return AnnotatedSubject(f"a {kind}", label or "subject", None, _outline(kind, shape))


def _outline(kind: Any, shape: Mapping[str, Any]) -> SubjectOutline | None:
    if kind == "polygon":
        xs, ys = (numbers(shape.get(f"all_points_{axis}")) for axis in "xy")
        if len(xs) != len(ys):
            raise MalformedError("a polygon has an x without a y")
        return Polygons.of([tuple(part for point in zip(xs, ys, strict=True) for part in point)])
    if kind in ("circle", "ellipse"):
        keys = ("r", "r") if kind == "circle" else ("rx", "ry")
        radii = _number(shape, keys[0]), _number(shape, keys[1])
        return ellipse((_number(shape, "cx"), _number(shape, "cy")), radii)
    raise MalformedError(f"a {brief(kind)} has no area")


def _number(shape: Mapping[str, Any], key: str) -> float:
    return number(fetch(shape, key, object))


FORMAT = Format("via", "VGG Image Annotator 2, JSON: rectangles, circles, ellipses, polygons", matches, entries)
