"""LayoutSAM-Eval: the pack's `layoutsam_sampled.json`, and the rows of the data set as JSON.

The pack has `global_caption` and `segments` with a `caption`, a `bbox` in fractions and pictures, of which the first is
used, whole. A row has `global_caption`, `region_captions`, `bbox_list` in pixels, `width` and `height`, the lists as
text; it has no references, so its scenes name files that are still to be put there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imports import described, pictured
from contextgen_cli.scene.imports.described import DEFAULT_CANVAS, Described, Description
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import (
    MalformedError,
    brief,
    fetch,
    four,
    listed,
    readings,
    size,
    some_text,
    text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, fractions, scaled
from contextgen_cli.scene.imports.picture_search import named_file
from contextgen_cli.scene.imports.pictured import Pictured, PicturedScene
from contextgen_cli.scene.scene import Size

_LONGEST = 100_000  # letters of a list that is written as text


def matches(document: Document) -> bool:
    return any(
        isinstance(row, dict) and "global_caption" in row and ("segments" in row or "bbox_list" in row)
        for row in listed(document.tree)
    )


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for at, row in enumerate(listed(document.tree)):
        index = row.get("index", row.get("image_id", at)) if isinstance(row, dict) else at
        scene = _row if isinstance(row, dict) and "bbox_list" in row else _sample
        yield ImportEntry(f"row {index}", partial(scene, _name(index), row, document, target))


def _name(index: Any) -> str:
    return f"layoutsam-{index:04d}" if isinstance(index, int) else f"layoutsam-{index}"


def _sample(name: str, row: Any, document: Document, target: Target) -> Imported:
    caption, segments = text(row, "global_caption"), fetch(row, "segments", list)
    canvas = target.size or DEFAULT_CANVAS
    folders = target.pictures, document.folder
    subjects = readings("segment", segments, _segment, folders, canvas)
    return pictured.scene(PicturedScene(target.name(name), caption, canvas), subjects)


def _segment(item: Any, folders: tuple[Path | None, Path], canvas: Size) -> Pictured:
    edges = scaled(fractions(four(fetch(item, "bbox", list))), canvas.width, canvas.height)
    pictures = fetch(item, "valid_bbox", list)
    if not pictures:
        raise MalformedError("it has no picture")
    image = named_file(text(pictures[0], "image_path"), *folders)
    mask = some_text(pictures[0], "mask_path")
    return Pictured(
        some_text(item, "caption") or image.stem, image, named_file(mask, *folders) if mask else None, edges
    )


def _row(name: str, row: Any, document: Document, target: Target) -> Imported:
    frame = size(row.get("width"), row.get("height"))
    if frame is None:
        raise MalformedError("`width` or `height` is missing")
    captions, boxes = _list(row, "region_captions"), _list(row, "bbox_list")
    if len(captions) != len(boxes):
        raise MalformedError(f"{len(boxes)} boxes have {len(captions)} captions")
    subjects = readings("box", zip(captions, boxes, strict=True), _region, frame)
    return described.scene(Description(name, text(row, "global_caption")), subjects, target)


def _region(captioned: tuple[Any, Any], frame: Size) -> Described:
    caption, box = captioned
    if not isinstance(caption, str) or not caption.strip():
        raise MalformedError(f"its caption is no text: {brief(caption)}")
    return Described(caption, scaled(four(box), 1 / frame.width, 1 / frame.height))


def _list(row: Any, key: str) -> list[Any]:
    """A list, or one that is written as the text of a Python list: read as a literal, never run."""
    value = fetch(row, key, object)
    if isinstance(value, str) and len(value) <= _LONGEST:
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            raise MalformedError(f"`{key}` is no list: {brief(value)}") from None
    if not isinstance(value, list):
        raise MalformedError(f"`{key}` is no list: {brief(value)}")
    return value


FORMAT = Format("layoutsam", "LayoutSAM-Eval: the pack with pictures, or rows without", matches, entries)
