"""What an import is made of: formats, the entries of a file, the scenes that come of them, and where they go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import Edges, MalformedError
from contextgen_cli.scene.imports.outlines import MaskDrawing
from contextgen_cli.scene.limits import BOX_PIXELS, IMPORTED_MULTIPLE, LARGEST_SIDE, SMALLEST_SIDE
from contextgen_cli.scene.scene import Box, Reference, Scene, Size

REFS = "refs"  # the folder for masks that are drawn, and for pictures that are still to be put there
_NAME_LENGTH = 60
_NAMELESS = "subject"
_ROUNDING = 1e-4  # how far a fraction may leave the canvas: not by half a pixel of any


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


class NamedReferences:
    """The references of a scene while it is put together: what is given twice is one."""

    def __init__(self) -> None:
        self._names = FreeNames()
        self._known: dict[tuple[Path, Path | None, Box | None], Reference] = {}

    def name(self, label: str, image: Path, mask: Path | None = None, crop: Box | None = None) -> str:
        """The name of a reference, called by its label as far as a scene accepts that."""
        key = image, mask, crop
        if key not in self._known:
            self._known[key] = Reference(self._names.take(word(label)), image, mask, crop)
        return self._known[key].name

    @property
    def all(self) -> tuple[Reference, ...]:
        return tuple(self._known.values())


@dataclass(frozen=True)
class Imported:
    """A scene from elsewhere.

    Attributes:
        masks: to be drawn for it.
        left_out: what of it could not be taken, with the reasons.
        notes: remarks on what was.
    """

    scene: Scene
    masks: tuple[MaskDrawing, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportEntry:
    """One picture's worth of a file: how it is called, and what makes a scene of it.

    `scene` raises MalformedError where it makes none.
    """

    called: str
    scene: Callable[[], Imported]


@dataclass(frozen=True)
class Format:
    """How another tool writes scenes, or what can become such.

    Attributes:
        reads: what it is, in a line.
        matches: whether a document is of it, as far as a glance tells.
        entries: the document's parts; MalformedError where there are none.
    """

    name: str
    reads: str
    matches: Callable[[Document], bool]
    entries: Callable[[Document, Target], Iterator[ImportEntry]]


@dataclass(frozen=True)
class Target:
    """Where imported scenes go, their canvas if the user wants another, and where pictures are looked for first."""

    folder: Path
    size: Size | None = None
    pictures: Path | None = None
    _scenes: FreeNames = field(default_factory=lambda: FreeNames(as_files=True))
    _subjects: dict[str, Path] = field(default_factory=dict)
    _stems: FreeNames = field(default_factory=lambda: FreeNames(as_files=True))
    _masks: FreeNames = field(default_factory=lambda: FreeNames(as_files=True))

    def name(self, wanted: str) -> str:
        """A file name, without ending, that no other scene of this import has."""
        return self._scenes.take(_plain(wanted) or "scene")

    def picture(self, label: str) -> Path:
        """Where the picture of a subject is to be put: one for each label, in whichever script, for all scenes."""
        if label not in self._subjects:
            stem = re.sub(r"[^\w-]+", "-", label).strip("-")[:_NAME_LENGTH] or _NAMELESS
            self._subjects[label] = self.folder / REFS / f"{self._stems.take(stem)}.png"
        return self._subjects[label]

    def mask(self, scene: str, label: str) -> Path:
        """Where the mask of one more subject of a scene is drawn, or to be put."""
        return self.folder / REFS / f"{self._masks.take(f'{scene}-{word(label)}')}_mask.png"


def canvas_like(size: Size) -> Size:
    """The canvas next to a picture's size: sides that models of today take."""
    return Size(_side(size.width), _side(size.height))


def placed(canvas: Size, edges: Edges) -> Box:
    """A box in canvas pixels, if a scene can have it.

    Raises:
        MalformedError: no pixel of the canvas is in it, or it is absurdly large.
    """
    box = Box(*edges)
    left, top, right, bottom = box.pixels
    if not box.covers_pixels:
        raise MalformedError(f"its box {_told(edges)} has no area on a canvas of {canvas} px")
    if right <= 0 or bottom <= 0 or left >= canvas.width or top >= canvas.height:
        raise MalformedError(f"its box {_told(edges)} lies outside the canvas of {canvas} px")
    if box.area > BOX_PIXELS:
        raise MalformedError(f"its box {_told(edges)} is larger than any canvas")
    return box


def fractions(edges: Edges) -> Edges:
    """A box in fractions of the canvas, without what rounding has put outside.

    Raises:
        MalformedError: it is none, or empty.
    """
    if not all(-_ROUNDING <= edge <= 1 + _ROUNDING for edge in edges):
        raise MalformedError(f"its box {list(edges)} leaves the picture: here boxes are fractions of it, 0 to 1")
    left, top, right, bottom = (min(max(edge, 0), 1) for edge in edges)
    if left >= right or top >= bottom:
        raise MalformedError(f"its box {list(edges)} has no area")
    return left, top, right, bottom


def called(scene: str, lines: Iterable[str]) -> tuple[str, ...]:
    """Words about a scene, with its name."""
    return tuple(f"{scene}: {line}" for line in lines)


def scaled(edges: Edges, x: float, y: float) -> Edges:
    left, top, right, bottom = edges
    return left * x, top * y, right * x, bottom * y


def word(text: str) -> str:
    """The text as a name that a scene accepts for a reference."""
    plain = _plain(text)
    return plain if re.match("[A-Za-z_]", plain) else f"_{plain}" if plain else _NAMELESS


def _side(pixels: int) -> int:
    return min(max(round(pixels / IMPORTED_MULTIPLE) * IMPORTED_MULTIPLE, SMALLEST_SIDE), LARGEST_SIDE)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:_NAME_LENGTH]


def _told(edges: Edges) -> str:
    return f"[{', '.join(f'{edge:g}' for edge in edges)}]"
