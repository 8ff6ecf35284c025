"""A photograph with annotations -> the scene that paints its own subjects anew.

The photograph is the reference, cropped to each box, with a mask drawn from the outline; without an outline the box is
the mask. The prompt is the caption if there is one, else it names the subjects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from contextgen_cli.scene.imports.foreign_values import Edges, MalformedError, readable
from contextgen_cli.scene.imports.imported import (
    Imported,
    NamedReferences,
    Target,
    called,
    canvas_like,
    placed,
    scaled,
)
from contextgen_cli.scene.imports.outlines import MaskDrawing, Polygons, Rectangle, SubjectOutline
from contextgen_cli.scene.imports.picture_search import Photograph
from contextgen_cli.scene.scene import Box, PlacedReference, Scene, Size


@dataclass(frozen=True)
class AnnotatedSubject:
    """One annotation: its `edges` in pixels of the frame, taken from the outline where there are none."""

    called: str
    label: str
    edges: Edges | None
    outline: SubjectOutline | None = None


def scene(
    photograph: Photograph,
    subjects: Iterable[tuple[str, Callable[[], AnnotatedSubject]]],
    target: Target,
    caption: str | None = None,
) -> Imported:
    """The scene of a photograph: `subjects` are what is read one by one, each with the words that call it.

    Raises:
        MalformedError: none of them can be used; the text has the first reasons.
    """
    name = target.name(photograph.path.stem)
    canvas = target.size or canvas_like(photograph.size)
    builder = _SceneBuilder(name, photograph, canvas, target)
    found, left_out = readable(subjects)
    added, unplaced = readable((each.called, partial(builder.add, each)) for each in found)
    left_out += unplaced
    if not added:
        raise MalformedError("; ".join(left_out[:3]) or "it has no boxes")
    prompt = caption or photo_of([subject.label for subject in added])
    made = Scene(name, prompt, canvas, builder.references.all, tuple(builder.instances))
    return Imported(made, tuple(builder.masks), called(name, left_out), called(name, builder.notes()))


class _SceneBuilder:
    """Gathers references, instances and masks of a scene."""

    def __init__(self, name: str, photograph: Photograph, canvas: Size, target: Target) -> None:
        self.references = NamedReferences()
        self.instances: list[PlacedReference] = []
        self.masks: list[MaskDrawing] = []
        self._name = name
        self._photograph = photograph
        self._canvas = canvas
        self._target = target
        self._without_outline = 0
        self._clipped = 0
        self._with_hole = 0

    def add(self, subject: AnnotatedSubject) -> AnnotatedSubject:
        photo, canvas = self._photograph, self._canvas
        edges, crop = self._seen(subject)
        box = placed(canvas, scaled(edges, canvas.width / photo.frame.width, canvas.height / photo.frame.height))
        box = Box(*box.pixels)
        mask = self._target.mask(self._name, subject.label)
        outline = subject.outline or _rectangle(edges)
        self._without_outline += subject.outline is None
        self._with_hole += isinstance(outline, Polygons) and outline.has_hole
        self.masks.append(MaskDrawing(mask, photo.size, photo.frame, outline))
        reference = self.references.name(subject.label, photo.path, mask, crop)
        self.instances.append(PlacedReference(reference, box))
        return subject

    def _seen(self, subject: AnnotatedSubject) -> tuple[Edges, Box]:
        """The edges within the frame, and the pixels of the picture that they take."""
        frame, size = self._photograph.frame, self._photograph.size
        bounds = subject.outline.bounds if subject.outline else None
        if subject.outline is not None and bounds is None:
            raise MalformedError("its mask is empty")
        whole = subject.edges or bounds
        if whole is None:
            raise MalformedError("it has neither a box nor an outline")
        edges = (max(0, whole[0]), max(0, whole[1]), min(frame.width, whole[2]), min(frame.height, whole[3]))
        crop = _pixels(scaled(edges, size.width / frame.width, size.height / frame.height), size)
        if not crop.covers_pixels:
            raise MalformedError("its box has no area on the image")
        if bounds is not None and not _meet(bounds, edges):
            raise MalformedError("its outline lies outside its box")
        self._clipped += any(abs(a - b) > 1 for a, b in zip(whole, edges, strict=True))
        return edges, crop

    def notes(self) -> list[str]:
        """What is worth knowing of the scene."""
        photo, notes = self._photograph, [*self._photograph.notes]
        if self._without_outline:
            notes.append(f"{_subjects(self._without_outline)} without an outline: the whole box is taken for it")
        if self._with_hole:
            notes.append(f"{_subjects(self._with_hole)} with a part of the outline within another: it is a hole")
        if self._clipped:
            notes.append(f"the box of {_subjects(self._clipped)} is cut off at the image's edge")
        if self._canvas != photo.size:
            notes.append(f"the image of {photo.size} px became a canvas of {self._canvas}")
        return notes


def _subjects(count: int) -> str:
    return f"{count} subject{'s' * (count > 1)}"


def _pixels(edges: Edges, size: Size) -> Box:
    left, top, right, bottom = edges
    return Box(math.floor(left), math.floor(top), min(size.width, round(right)), min(size.height, round(bottom)))


def _rectangle(edges: Edges) -> Rectangle:
    left, top, right, bottom = edges
    return Rectangle(Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)))


def _meet(one: Edges, other: Edges) -> bool:
    return one[0] < other[2] and one[1] < other[3] and one[2] > other[0] and one[3] > other[1]


def photo_of(labels: Sequence[str]) -> str:
    """A prompt that names the subjects."""
    parts = [f"{'an' if label[:1].lower() in tuple('aeiou') else 'a'} {label}" for label in labels]
    return f"A photo of {' and '.join([', '.join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)}."
