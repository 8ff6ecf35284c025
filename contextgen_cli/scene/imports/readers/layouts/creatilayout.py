"""CreatiLayout's inputs: `global_caption`, boxes in fractions, and a caption for each.

It has no references, so its scenes name files that are still to be put there: `refs/CAPTION.png`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from contextgen_cli.scene.imports import described
from contextgen_cli.scene.imports.described import Described, Description
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import MalformedError, brief, fetch, four, listed, readings, text
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, fractions

_CAPTIONS, _BOXES = "region_caption_list", ("bbox", "region_bboxes_list")


def matches(document: Document) -> bool:
    return any(isinstance(item, dict) and _CAPTIONS in item for item in listed(document.tree))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for at, item in enumerate(listed(document.tree)):
        yield ImportEntry(f"entry {at}", partial(_scene, item, document, target))


def _scene(item: Any, document: Document, target: Target) -> Imported:
    caption, captions = text(item, "global_caption"), fetch(item, _CAPTIONS, list)
    boxes = fetch(item, next((key for key in _BOXES if key in item), _BOXES[0]), list)
    if len(captions) != len(boxes):
        raise MalformedError(f"{len(boxes)} boxes have {len(captions)} captions")
    subjects = readings("region", zip(captions, boxes, strict=True), _described)
    return described.scene(Description(document.path.stem, caption), subjects, target)


def _described(labelled: tuple[Any, Any]) -> Described:
    label, box = labelled
    if not isinstance(label, str) or not label.strip():
        raise MalformedError(f"its caption is no text: {brief(label)}")
    return Described(label, fractions(four(box)))


FORMAT = Format("creatilayout", "CreatiLayout's inputs: captions in boxes; without pictures", matches, entries)
