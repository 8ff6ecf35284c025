"""Label Studio's JSON: a task an image, with rectangles, ellipses, polygons and brushes.

Places are per cent of the image; a rectangle is turned about its top left corner. A brush is packed run lengths. The
first annotation of a task that was not cancelled counts. The short form, JSON-MIN, has the regions in the task itself.
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
    an_object,
    brief,
    fetch,
    listed,
    number,
    numbers,
    of_corner,
    size,
    some_text,
)
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, scaled
from contextgen_cli.scene.imports.outlines import Polygons, SubjectOutline
from contextgen_cli.scene.imports.picture_search import photograph
from contextgen_cli.scene.imports.run_lengths import label_studio_counts, runs
from contextgen_cli.scene.imports.shapes import ellipse, turned_rectangle
from contextgen_cli.scene.scene import Box, Size

_SHAPES = ("rectangle", "polygon", "ellipse", "brush", "keypoint")
_LABELS = (*(f"{shape}labels" for shape in _SHAPES), "labels")  # a region may be there with its label and without
_LISTS = ("annotations", "completions", "predictions")  # the first that holds something counts
Task = Mapping[str, Any]


def matches(document: Document) -> bool:
    return any(isinstance(task, dict) and (_is_task(task) or _short_regions(task)) for task in listed(document.tree))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for at, task in enumerate(listed(document.tree)):
        called = f"task {task['id']}" if isinstance(task, dict) and "id" in task else f"task {at}"
        if not isinstance(task, dict) or _regions(task):
            yield ImportEntry(called, partial(_scene, task, document, target))


def _is_task(task: Task) -> bool:
    return isinstance(task.get("data"), dict) and any(isinstance(task.get(key), list) for key in _LISTS)


def _scene(task: Any, document: Document, target: Target) -> Imported:
    data, regions = an_object(task).get("data", task), _regions(task)
    name = some_text(data, "image", "img", "image_url", "url") if isinstance(data, dict) else None
    if name is None:
        raise MalformedError("no image is named in its `data`")
    first = regions[0]
    photo = photograph(name, size(first.get("original_width"), first.get("original_height")), document, target)
    subjects = ((called, partial(_subject, called, each, photo.frame)) for called, each in map(_called, regions))
    return annotated.scene(photo, subjects, target, some_text(data, "caption"))


def _regions(task: Task) -> list[Mapping[str, Any]]:
    """What is drawn on the image, in JSON-MIN as in the long form; choices and texts are none."""
    if not _is_task(task):
        return [{**region, "value": region} for region in _short_regions(task)]
    filled: list[Any] = next((task[key] for key in _LISTS if isinstance(task.get(key), list) and task[key]), [])
    valid = [each for each in filled if isinstance(each, dict) and not each.get("was_cancelled")]
    results = valid[0].get("result") if valid else None
    found = [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    labelled = {str(each.get("id")) for each in found if _kind(each).endswith("labels")}
    return [
        each
        for each in found
        if _kind(each) in _LABELS or (_kind(each) in _SHAPES and str(each.get("id")) not in labelled)
    ]


def _kind(region: Mapping[str, Any]) -> str:
    return str(region.get("type"))


def _short_regions(task: Task) -> list[Mapping[str, Any]]:
    lists = (value for value in task.values() if isinstance(value, list))
    return [each for value in lists for each in value if isinstance(each, dict) and _is_short_region(each)]


def _is_short_region(item: Mapping[str, Any]) -> bool:
    return any(key in item for key in _LABELS) and any(key in item for key in ("x", "points", "rle"))


def _called(region: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return f"region {region['id']}" if "id" in region else "a region", region


def _subject(called: str, region: Mapping[str, Any], frame: Size) -> AnnotatedSubject:
    value = fetch(region, "value", dict)
    if number(region.get("image_rotation") or 0):
        raise MalformedError("the image was turned while it was annotated: turn the file, and annotate it upright")
    if _kind(region).startswith("keypoint"):
        raise MalformedError("a keypoint has no area")
    labels = next((value[key] for key in _LABELS if isinstance(value.get(key), list) and value[key]), ["subject"])
    x, y = frame.width / 100, frame.height / 100
    if "rle" in value:
        return AnnotatedSubject(called, str(labels[0]), None, _brush(value["rle"], frame))
    if "points" in value:
        points = [numbers(point) for point in fetch(value, "points", list)]
        flat = tuple(part for point in points for part in (point[0] * x, point[1] * y) if len(point) == 2)
        return AnnotatedSubject(called, str(labels[0]), None, Polygons.of([flat]))
    turn = number(value.get("rotation") or 0)
    if "radiusX" in value:
        centre = number(fetch(value, "x", object)) * x, number(fetch(value, "y", object)) * y
        radii = number(value["radiusX"]) * x, number(fetch(value, "radiusY", object)) * y
        return AnnotatedSubject(called, str(labels[0]), None, ellipse(centre, radii, turn))
    left, top, width, height = (number(fetch(value, key, object)) for key in ("x", "y", "width", "height"))
    edges = scaled(of_corner((left, top, width, height)), x, y)
    outline = turned_rectangle(edges, turn, about_corner=True) if turn else None
    return AnnotatedSubject(called, str(labels[0]), None if outline else edges, outline)


def _brush(packed: Any, frame: Size) -> SubjectOutline:
    if not isinstance(packed, list):
        raise MalformedError(f"the brush's run lengths are no list: {brief(packed)}")
    return runs(label_studio_counts(packed), Box(0, 0, frame.width, frame.height))


FORMAT = Format("label-studio", "Label Studio's JSON: rectangles, ellipses, polygons, brushes", matches, entries)
