"""CVAT for images, XML: an `image` a scene, with boxes, ellipses, polygons and masks, back to front by `z_order`.

A mask's run lengths go by rows over its box. Tracks of a video have no images of their own and make no scenes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from contextgen_cli.scene.imports import annotated
from contextgen_cli.scene.imports.annotated import AnnotatedSubject
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import MalformedError, brief, number, of_corner, size, text
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.outlines import Polygons, SubjectOutline
from contextgen_cli.scene.imports.picture_search import photograph
from contextgen_cli.scene.imports.run_lengths import runs
from contextgen_cli.scene.imports.shapes import ellipse, turned_rectangle
from contextgen_cli.scene.scene import Box

_NO_SHAPES = ("tag", "attribute")


def matches(document: Document) -> bool:
    root = document.xml
    return root is not None and root.tag == "annotations" and (_has(root, "image") or _has(root, "track"))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    root = document.xml
    if root is None:
        raise MalformedError("it must be XML")
    if not _has(root, "image") and _has(root, "track"):
        raise MalformedError("it has the tracks of a video: export it as `CVAT for images`")
    for at, image in enumerate(root.iterfind("image")):
        if any(shape.tag not in _NO_SHAPES for shape in image):
            yield ImportEntry(f"image {image.get('id', at)}", partial(_scene, image, document, target))


def _has(root: Element, tag: str) -> bool:
    return root.find(tag) is not None


def _scene(image: Element, document: Document, target: Target) -> Imported:
    stated = size(image.get("width"), image.get("height"))
    photo = photograph(text(dict(image.attrib), "name"), stated, document, target)
    shapes = sorted((each for each in image if each.tag not in _NO_SHAPES), key=_depth)
    subjects = ((called, partial(_subject, called, each)) for called, each in enumerate_shapes(shapes))
    return annotated.scene(photo, subjects, target)


def enumerate_shapes(shapes: list[Element]) -> Iterator[tuple[str, Element]]:
    return ((f"{shape.tag} {at}", shape) for at, shape in enumerate(shapes))


def _depth(shape: Element) -> float:
    try:
        return number(shape.get("z_order", 0))
    except MalformedError:
        return 0


def _subject(called: str, shape: Element) -> AnnotatedSubject:
    label = shape.get("label", "").strip() or "subject"
    if shape.tag == "box":
        left, top, right, bottom = (_number(shape, key) for key in ("xtl", "ytl", "xbr", "ybr"))
        turn = number(shape.get("rotation", 0))
        if turn:
            return AnnotatedSubject(called, label, None, turned_rectangle((left, top, right, bottom), turn))
        return AnnotatedSubject(called, label, (left, top, right, bottom))
    return AnnotatedSubject(called, label, None, _outline(shape))


def _outline(shape: Element) -> SubjectOutline | None:
    if shape.tag == "polygon":
        points = shape.get("points", "").replace(";", ",").split(",")
        return Polygons.of([tuple(map(number, points))])
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (_number(shape, key) for key in ("cx", "cy", "rx", "ry"))
        return ellipse((cx, cy), (rx, ry), number(shape.get("rotation", 0)))
    if shape.tag == "mask":
        left, top, width, height = (_number(shape, key) for key in ("left", "top", "width", "height"))
        window = Box(*of_corner((int(left), int(top), int(width), int(height))))
        return runs(shape.get("rle", "").split(","), window)
    raise MalformedError(f"a {brief(shape.tag)} has no area")


def _number(shape: Element, key: str) -> float:
    value: Any = shape.get(key)
    if value is None:
        raise MalformedError(f"`{key}` is missing")
    return number(value)


FORMAT = Format("cvat", "CVAT for images, XML: boxes, ellipses, polygons, masks", matches, entries)
