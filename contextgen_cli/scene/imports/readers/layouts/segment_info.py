"""The released `segment_info.json`: a list of scenes, each with `caption`, `width`, `instances` and maybe
`layout_image`; one scene alone is read too.

An instance has an `image`, a `bbox` = [x1, y1, x2, y2] in pixels of a frame that is `width` wide and as high, and a
`mask` unless the image is transparent around its subject. Paths are relative to the file. `width` is not the canvas:
that is 768 x 768 unless the user says otherwise; boxes are scaled to it and truncated. `label` names the reference,
`phrase` is not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imports import pictured
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import (
    MalformedError,
    brief,
    fetch,
    four,
    listed,
    number,
    readings,
    some_text,
    text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, called
from contextgen_cli.scene.imports.picture_search import named_file
from contextgen_cli.scene.imports.pictured import Pictured, PicturedScene
from contextgen_cli.scene.scene import Size

DEFAULT_CANVAS = Size(768, 768)  # of the released command
_Folders = tuple[Path | None, Path]
_KEYS = ("caption", "width", "instances", "layout_image")
_INSTANCE_KEYS = ("image", "bbox", "mask", "label", "phrase")


def matches(document: Document) -> bool:
    return any(isinstance(each, dict) and {"caption", "instances"} <= each.keys() for each in listed(document.tree))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for index, item in enumerate(listed(document.tree)):
        yield ImportEntry(f"entry {index}", partial(_scene, index, item, document, target))


def _scene(index: int, item: Any, document: Document, target: Target) -> Imported:
    caption = text(item, "caption")
    width = number(fetch(item, "width", object))
    if width < 1:
        raise MalformedError(f"`width` is {brief(width)}, no number of pixels")
    instances = fetch(item, "instances", list)
    canvas = target.size or DEFAULT_CANVAS
    folders = target.pictures, document.folder
    layout, refused = _layout(item, folders)
    name = target.name(f"{index:02d}-{_subject_folder(instances, document.path)}")
    about = PicturedScene(name, caption, canvas, layout)
    factors = Fraction(canvas.width) / Fraction(width), Fraction(canvas.height) / Fraction(width)  # exact
    made = pictured.scene(about, readings("instance", instances, _instance, folders, factors))
    left_out = (*made.left_out, *called(name, refused))
    return Imported(made.scene, left_out=left_out, notes=tuple(_unread(item, instances, name)))


def _instance(item: Any, folders: _Folders, factors: tuple[Fraction, Fraction]) -> Pictured:
    x, y = factors
    image = named_file(text(item, "image"), *folders)
    mask = some_text(item, "mask")
    left, top, right, bottom = four(fetch(item, "bbox", list))
    edges = int(left * x), int(top * y), int(right * x), int(bottom * y)
    return Pictured(some_text(item, "label") or image.stem, image, named_file(mask, *folders) if mask else None, edges)


def _layout(item: Mapping[str, Any], folders: _Folders) -> tuple[Path | None, list[str]]:
    written = item.get("layout_image")
    if written is None or isinstance(written, str):
        return (named_file(written, *folders) if written else None), []
    return None, [f"left out the layout: `layout_image` is no file's name: {brief(written)}"]


def _subject_folder(instances: list[Any], path: Path) -> str:
    """What the scene is called: the folder of its first picture, or of the file, if it has only its usual name."""
    first = next((some_text(item, "image") for item in instances if isinstance(item, dict)), None)
    called = Path(first or "").parent.name
    return called or (path.resolve().parent.name if path.stem == "segment_info" else path.stem)


def _unread(item: Mapping[str, Any], instances: list[Any], name: str) -> Iterator[str]:
    """A note on the keys that mean nothing here."""
    keys = [key for key in item if key not in _KEYS]
    inner = dict.fromkeys(
        key for each in instances if isinstance(each, dict) for key in each if key not in _INSTANCE_KEYS
    )
    keys += [f"instances[].{key}" for key in inner]
    if keys:
        yield f"{name}: not understood and left out: {', '.join(f'`{key}`' for key in keys)}"


FORMAT = Format(
    "segment-info", "the released segment_info.json: captions, pictures and masks in boxes", matches, entries
)
