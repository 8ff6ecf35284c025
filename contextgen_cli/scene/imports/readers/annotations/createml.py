"""Create ML's JSON, as Roboflow exports it: a list of images, each with labelled boxes, by centre and size in pixels.

It does not say an image's size: the image must be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from contextgen_cli.scene.imports import annotated
from contextgen_cli.scene.imports.annotated import AnnotatedSubject
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import an_object, brief, fetch, listed, number, readings, some_text
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.picture_search import photograph

_NAMES = ("image", "imagefilename")
_SIDES = ("x", "y", "width", "height")


def matches(document: Document) -> bool:
    return any(_is_image(item) for item in listed(document.tree))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for at, item in enumerate(listed(document.tree)):
        name = some_text(item, *_NAMES) if isinstance(item, dict) else None
        if not isinstance(item, dict) or item.get("annotations") != []:
            yield ImportEntry(brief(name) if name else f"image {at}", partial(_scene, item, document, target))


def _is_image(item: Any) -> bool:
    if not isinstance(item, dict) or some_text(item, *_NAMES) is None:
        return False
    regions = item.get("annotations")
    return isinstance(regions, list) and any(isinstance(each, dict) and "coordinates" in each for each in regions)


def _scene(item: Any, document: Document, target: Target) -> Imported:
    name = some_text(an_object(item), *_NAMES) or fetch(item, _NAMES[0], str)
    regions = fetch(item, "annotations", list)
    photo = photograph(name, None, document, target)
    return annotated.scene(photo, readings("annotation", regions, _subject), target)


def _subject(region: Any) -> AnnotatedSubject:
    place = fetch(region, "coordinates", dict)
    x, y, width, height = (number(fetch(place, key, object)) for key in _SIDES)
    edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    label = some_text(region, "label") or "subject"
    return AnnotatedSubject(f"the annotation of {brief(label)}", label, edges)


FORMAT = Format("createml", "Create ML's JSON, as Roboflow exports it: boxes", matches, entries)
