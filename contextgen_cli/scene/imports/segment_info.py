"""The released `segment_info.json`: one scene a file.

An object with `prompt`, `width` and a list `instances` (or `segments`, `objects`), each with `image`, `bbox`
= [x1, y1, x2, y2] and, unless the image is transparent around its subject, `mask`. The boxes are fractions of
`width` on both axes, or pixels where a value is above 1; the canvas is a square. Paths are relative to the
file; `image_path`, `mask_path` and `box` are read too. A note names what is not understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imports.imported import (
    FreeNames,
    Imported,
    MalformedError,
    Target,
    fetch,
    four,
    objects,
    placed,
    word,
)
from contextgen_cli.scene.limits import IMPORTED_MULTIPLE, LARGEST_SIDE, SMALLEST_SIDE
from contextgen_cli.scene.scene import PlacedReference, Reference, Scene, Size

LISTS = ("instances", "segments", "objects")
_IMAGE, _MASK, _BOX = ("image", "image_path"), ("mask", "mask_path"), ("bbox", "box")


def scenes(data: Any, path: Path, target: Target) -> Iterator[Imported]:
    """The one scene of the file."""
    listed = objects(fetch(data, LISTS, list, "the file"), "the list of instances")
    prompt = fetch(data, ("prompt",), str, "the file")
    canvas = target.size or _square(data.get("width"))
    side = data.get("width", canvas.width)
    if not isinstance(side, (int, float)) or side <= 0:
        raise MalformedError(f"`width` is {side!r}, no number of pixels")
    references: dict[str, Reference] = {}
    names = FreeNames()
    instances = []
    for index, item in enumerate(listed):
        where = f"instance {index}"
        image = path.parent / fetch(item, _IMAGE, str, where)
        mask = next((item[key] for key in _MASK if key in item), None)
        name = names.take(word(image.stem))
        references[name] = Reference(name, image, path.parent / str(mask) if mask else None)
        edges = left, top, right, bottom = four(fetch(item, _BOX, list, where), where)
        unit = 1 if max(edges) <= 1 else side
        instances.append(
            PlacedReference(name, placed(canvas, (left / unit, top / unit, right / unit, bottom / unit), where))
        )
    name = target.name(path.resolve().parent.name if path.stem == "segment_info" else path.stem)
    scene = Scene(name, prompt, canvas, tuple(references.values()), tuple(instances))
    yield Imported(scene, notes=tuple(_unread(data, listed, name)))


def _unread(data: Mapping[str, Any], listed: Sequence[Mapping[str, Any]], name: str) -> Iterator[str]:
    """A note on the keys that mean nothing here."""
    used = next(key for key in LISTS if key in data)
    keys = [key for key in data if key not in ("prompt", "width", used)]
    inner = dict.fromkeys(key for item in listed for key in item if key not in (*_IMAGE, *_MASK, *_BOX))
    keys += [f"{used}[].{key}" for key in inner]
    if keys:
        yield f"{name}: not understood and left out: {', '.join(f'`{key}`' for key in keys)}"


def _square(width: Any) -> Size:
    if not isinstance(width, int) or width % IMPORTED_MULTIPLE or not SMALLEST_SIDE <= width <= LARGEST_SIDE:
        raise MalformedError(f"`width` is {width}, no multiple of {IMPORTED_MULTIPLE}; say the canvas with --size")
    return Size(width, width)
