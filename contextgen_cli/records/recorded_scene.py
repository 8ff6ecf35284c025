"""The scene in a picture's record, held to the limits that scene files have: nobody checked it when it was written."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from contextgen_cli.records.json_fields import Fields
from contextgen_cli.scene import limits
from contextgen_cli.scene.scene import FORMAT_VERSION, Box, Scene
from contextgen_cli.scene.writing import from_record

LONGEST_PATH = 4096
_FILE_NAME = re.compile(r"[\w][\w. -]*")  # a record may come from anybody: its name becomes that of a file
_LONGEST_NAME = 200
_MOST_REFERENCES = 100_000
_FARTHEST = 1 << 26  # pixels: where 9999 % of the largest canvas is, after the largest `--size` of the smallest
_LARGEST_CROP = 1 << 17  # pixels


def recorded_scene(fields: Fields) -> Scene:
    """The scene; its paths stay relative.

    Raises:
        ValueError: it is none, or beyond what a scene file may ask for.
        TypeError, KeyError: it has other keys than a scene of ours.
    """
    if fields.get("version") != FORMAT_VERSION:
        raise ValueError(f"scene format version {fields.get('version')}")
    _check_text(fields)
    _check_canvas(fields)
    names = _check_references(fields.object("references"))
    _check_instances(fields, names)
    if fields.has("layout"):
        check_path(fields, "layout")
    _check_sampling(fields)
    return from_record(fields.values)


def check_path(fields: Fields, key: str) -> None:
    """
    Raises:
        ValueError: it is no path relative to the folder of a scene file.
    """
    path = fields.text(key, LONGEST_PATH)
    if not path or "\0" in path or PurePosixPath(path).is_absolute():
        raise ValueError(f"`{fields.name(key)}` is no relative path")


def _check_text(fields: Fields) -> None:
    fields.text("prompt", limits.FILE_BYTES)
    if fields.has("model"):
        fields.text("model", _LONGEST_NAME)
    if not _FILE_NAME.fullmatch(name := fields.text("name", _LONGEST_NAME)):
        raise ValueError(f"`{fields.name('name')}` is no name that a file can have: {name!r}")


def _check_canvas(fields: Fields) -> None:
    canvas = fields.object("canvas")
    for side in ("width", "height"):
        canvas.whole(side, limits.SMALLEST_SIDE, limits.LARGEST_SIDE)


def _check_references(references: Fields) -> set[str]:
    if len(references.values) > _MOST_REFERENCES:
        raise ValueError(f"`{references.place}` are more than {_MOST_REFERENCES}")
    for name in references.values:
        reference = references.object(name)
        check_path(reference, "image")
        if reference.get("mask") is not None:
            check_path(reference, "mask")
        if reference.get("crop") is not None:
            _check_box(reference.object("crop"), 0, _LARGEST_CROP, limits.REFERENCE_PIXELS)
    return set(references.values)


def _check_instances(fields: Fields, names: set[str]) -> None:
    instances = fields.objects("instances", limits.INSTANCES)
    if not instances:
        raise ValueError(f"`{fields.name('instances')}` is empty")
    for instance in instances:
        if instance.text("reference", _LONGEST_NAME) not in names:
            raise ValueError(f"`{instance.name('reference')}` is none of the references")
        _check_box(instance.object("box"), -_FARTHEST, _FARTHEST, limits.BOX_PIXELS)
        if instance.has("rotate"):
            instance.number("rotate", -limits.LARGEST_TURN, limits.LARGEST_TURN)


def _check_box(fields: Fields, least: int, most: int, pixels: int) -> None:
    """Edges within limits, with a pixel between them, and not more than so many."""
    box = Box(*(fields.number(edge, least, most) for edge in ("left", "top", "right", "bottom")))
    if not box.covers_pixels:
        raise ValueError(f"`{fields.place}` covers no pixel")
    if box.area > pixels:
        raise ValueError(f"`{fields.place}` has more than {pixels} pixels")


def _check_sampling(fields: Fields) -> None:
    sampling = fields.object("sampling")
    if sampling.get("steps") is not None:
        sampling.whole("steps", 1, limits.LARGEST_STEPS)
    if sampling.get("guidance") is not None:
        sampling.number("guidance", 0, limits.LARGEST_GUIDANCE)
