"""What an import is made of, and reading the parts of another tool's file with words for what is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contextgen_cli.scene.scene import Box, Scene, Size

_NAME_LENGTH = 60
_NAMELESS = "subject"
_LARGEST = 1e9  # of a box or polygon, in pixels


class FreeNames:
    """Names of which none is taken twice; `as_files`: some file systems do not tell letter cases apart."""

    def __init__(self, *, as_files: bool = False) -> None:
        self._as_files = as_files
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """The name, or the first of `name-2`, `name-3`, … that is not taken; now it is."""
        number = self._numbers.get(self._folded(wanted), 1)
        while self._folded(free := wanted if number == 1 else f"{wanted}-{number}") in self._taken:
            number += 1
        self._numbers[self._folded(wanted)] = number
        self._taken.add(self._folded(free))
        return free

    def _folded(self, name: str) -> str:
        return name.lower() if self._as_files else name


@dataclass(frozen=True)
class MaskDrawing:
    """A mask to be written beside an imported scene: polygons of x, y, x, y … on a picture of `size`."""

    path: Path
    size: Size
    polygons: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Imported:
    """A scene from elsewhere, the masks to draw for it, the files still to be put there, and remarks."""

    scene: Scene
    masks: tuple[MaskDrawing, ...] = ()
    missing: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """Where imported scenes go, and their canvas if the user wants another."""

    folder: Path
    size: Size | None = None
    _scenes: FreeNames = field(default_factory=lambda: FreeNames(as_files=True))
    _pictures: dict[str, Path] = field(default_factory=dict)
    _stems: FreeNames = field(default_factory=lambda: FreeNames(as_files=True))

    def name(self, wanted: str) -> str:
        """A file name, without ending, that no other scene of this import has."""
        return self._scenes.take(word(wanted))

    def picture(self, label: str) -> Path:
        """Where the picture of a subject is to be put: one for each label, in whichever script, for all scenes."""
        if label not in self._pictures:
            stem = re.sub(r"[^\w-]+", "-", label).strip("-")[:_NAME_LENGTH] or _NAMELESS
            self._pictures[label] = self.folder / "refs" / f"{self._stems.take(stem)}.png"
        return self._pictures[label]


class MalformedError(Exception):
    """The data is not of the format; the text says where."""


def fetch(item: Any, keys: Sequence[str], kind: type, where: str) -> Any:
    """The value of the first of `keys` that is there."""
    value = next((item[key] for key in keys if key in item), None) if isinstance(item, dict) else None
    if not isinstance(value, kind):
        raise MalformedError(f"{where} has no `{keys[0]}`")
    return value


def objects(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedError(f"{where} must be a list of objects")
    return value


def four(values: Any, where: str) -> tuple[float, float, float, float]:
    """The numbers of a box."""
    found = numbers(values, where)
    if len(found) != 4:
        raise MalformedError(f"{where}: a box must be four numbers, not {json.dumps(values)[:60]}")
    return found[0], found[1], found[2], found[3]


def numbers(values: Any, where: str) -> tuple[float, ...]:
    """A list of numbers that pixels can be made of."""
    if not isinstance(values, list) or not all(isinstance(value, (int, float)) for value in values):
        raise MalformedError(f"{where}: this must be a list of numbers: {json.dumps(values)[:60]}")
    if not all(abs(value) < _LARGEST for value in values):
        raise MalformedError(f"{where}: a number is too large: {json.dumps(values)[:60]}")
    return tuple(values)


def placed(canvas: Size, edges: tuple[float, float, float, float], where: str) -> Box:
    """A box in fractions of the canvas, as whole pixels of which there is at least one."""
    box = on_canvas(canvas, *edges)
    if not box.covers_pixels:
        raise MalformedError(f"{where}: the box {list(edges)} has no area on a canvas of {canvas} px")
    return box


def on_canvas(canvas: Size, left: float, top: float, right: float, bottom: float) -> Box:
    """Fractions of the canvas as whole pixels."""
    width, height = canvas.width, canvas.height
    return Box(round(left * width), round(top * height), round(right * width), round(bottom * height))


def word(text: str) -> str:
    """The text as a name that a scene accepts."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:_NAME_LENGTH]
    return plain if re.match("[A-Za-z_]", plain) else f"_{plain}" if plain else _NAMELESS
