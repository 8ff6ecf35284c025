"""COCO annotations: a scene for each image that paints the image's own subjects anew.

The image is the reference, cropped to each `bbox` = [x, y, width, height], with a mask drawn from the
polygons of `segmentation`. The prompt is the caption if there is one, else it names the categories.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imports.imported import (
    FreeNames,
    Imported,
    MalformedError,
    MaskDrawing,
    Target,
    fetch,
    four,
    numbers,
    objects,
    on_canvas,
    word,
)
from contextgen_cli.scene.limits import IMPORTED_MULTIPLE, LARGEST_SIDE, REFERENCE_PIXELS, SMALLEST_SIDE
from contextgen_cli.scene.scene import Box, PlacedReference, Reference, Scene, Size

Annotation = Mapping[str, Any]


def scenes(data: Any, path: Path, target: Target) -> Iterator[Imported]:
    """A scene for each image that has boxes."""
    listed = objects(data.get("categories", []), "categories")
    categories = {_id(category, "id"): str(category.get("name")) for category in listed}
    annotations: dict[str, list[Annotation]] = {}
    for annotation in objects(data["annotations"], "annotations"):
        annotations.setdefault(_id(annotation, "image_id"), []).append(annotation)
    for image in objects(data["images"], "images"):
        own = annotations.get(_id(image, "id"), [])
        boxed = [annotation for annotation in own if "bbox" in annotation]
        if boxed:
            labels = [categories.get(_id(annotation, "category_id"), "subject") for annotation in boxed]
            captions = [str(annotation["caption"]) for annotation in own if "caption" in annotation]
            prompt = captions[0] if captions else f"A photo of {_listed(labels)}."
            yield _scene(_Image.of(image, path), prompt, list(zip(labels, boxed, strict=True)), target)


def _id(item: Mapping[str, Any], key: str) -> str:
    return json.dumps(item.get(key))  # whatever it is, two that are equal are one


@dataclass(frozen=True)
class _Image:
    file: Path
    size: Size

    @classmethod
    def of(cls, image: Mapping[str, Any], annotations_file: Path) -> _Image:
        where = f"image {image.get('id')}"
        width, height = (fetch(image, (side,), int, where) for side in ("width", "height"))
        if width < 1 or height < 1 or width * height > REFERENCE_PIXELS:
            raise MalformedError(f"{where} is {width} x {height} px")
        return cls(annotations_file.parent / fetch(image, ("file_name",), str, where), Size(width, height))


def _scene(image: _Image, prompt: str, labelled: Sequence[tuple[str, Annotation]], target: Target) -> Imported:
    canvas = target.size or Size(_side(image.size.width), _side(image.size.height))
    name = target.name(image.file.stem)
    references: dict[str, Reference] = {}
    names = FreeNames()
    instances, masks, notes = [], [], []
    for label, annotation in labelled:
        x, y, width, height = four(annotation["bbox"], f"annotation {annotation.get('id')}")
        crop = _crop(x, y, width, height, image.size)
        if crop is None:
            notes.append(f"{name}: left out annotation {annotation.get('id')}: its box has no area on the image")
            continue
        key = names.take(word(label))
        mask_path = target.folder / "refs" / f"{name}-{key}_mask.png"
        masks.append(MaskDrawing(mask_path, image.size, _polygons(annotation)))
        references[key] = Reference(key, image.file, mask_path, crop)
        w, h = image.size.width, image.size.height
        instances.append(PlacedReference(key, on_canvas(canvas, x / w, y / h, (x + width) / w, (y + height) / h)))
    if canvas != image.size:
        notes.append(f"{name}: the image of {image.size} px became a canvas of {canvas}")
    return Imported(
        Scene(name, prompt, canvas, tuple(references.values()), tuple(instances)),
        masks=tuple(mask for mask in masks if mask.polygons),
        missing=tuple(mask.path for mask in masks if not mask.polygons),
        notes=tuple(notes),
    )


def _crop(x: float, y: float, width: float, height: float, image: Size) -> Box | None:
    left, top = max(0, int(x)), max(0, int(y))
    right, bottom = min(image.width, round(x + width)), min(image.height, round(y + height))
    return Box(left, top, right, bottom) if left < right and top < bottom else None


def _polygons(annotation: Annotation) -> tuple[tuple[float, ...], ...]:
    """The polygons; none where the segmentation is missing or written as run lengths."""
    segmentation = annotation.get("segmentation")
    if not isinstance(segmentation, list):
        return ()
    where = f"the segmentation of annotation {annotation.get('id')}"
    polygons = [numbers(polygon, where) for polygon in segmentation]
    if any(len(polygon) % 2 for polygon in polygons):
        raise MalformedError(f"{where}: a polygon has an x without a y")
    return tuple(polygon for polygon in polygons if len(polygon) >= 6)


def _side(pixels: int) -> int:
    return min(max(round(pixels / IMPORTED_MULTIPLE) * IMPORTED_MULTIPLE, SMALLEST_SIDE), LARGEST_SIDE)


def _listed(labels: Sequence[str]) -> str:
    parts = [f"{'an' if label[:1].lower() in tuple('aeiou') else 'a'} {label}" for label in labels]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
