"""InstanceDiffusion's inputs: `caption`, `width`, `height` and `annos`, each with a `caption` and a `bbox` = [x, y,
width, height] in pixels.

It has no references, so its scenes name files that are still to be put there: `refs/CAPTION.png`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from contextgen_cli.scene.imports import described
from contextgen_cli.scene.imports.described import Described, Description
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import (
    MalformedError,
    fetch,
    four,
    listed,
    of_corner,
    readings,
    size,
    some_text,
    text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, called, scaled
from contextgen_cli.scene.scene import Size


def matches(document: Document) -> bool:
    return any(isinstance(item, dict) and "annos" in item for item in listed(document.tree))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for at, item in enumerate(listed(document.tree)):
        yield ImportEntry(f"entry {at}", partial(_scene, item, document, target))


def _scene(item: Any, document: Document, target: Target) -> Imported:
    caption, annotations = text(item, "caption"), fetch(item, "annos", list)
    frame = size(item.get("width"), item.get("height"))
    if frame is None:
        raise MalformedError("`width` or `height` is missing")
    subjects = readings("annotation", annotations, _described, frame)
    made = described.scene(Description(document.path.stem, caption, frame), subjects, target)
    outlined = sum(isinstance(each, dict) and bool(each.get("mask")) for each in annotations)
    notes = [f"its {outlined} masks are not used: a scene has boxes"] if outlined else []
    return replace(made, notes=called(made.scene.name, notes))


def _described(item: Any, frame: Size) -> Described:
    edges = scaled(of_corner(four(fetch(item, "bbox", list))), 1 / frame.width, 1 / frame.height)
    label = some_text(item, "caption", "category_name")
    if label is None:
        raise MalformedError("it has neither a `caption` nor a `category_name`")
    return Described(label, edges)


FORMAT = Format(
    "instancediffusion", "InstanceDiffusion's inputs: captions in boxes; without pictures", matches, entries
)
