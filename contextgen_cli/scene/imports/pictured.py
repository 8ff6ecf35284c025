"""Subjects with pictures of their own in boxes -> a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contextgen_cli.scene.imports.foreign_values import Edges, MalformedError, readable
from contextgen_cli.scene.imports.imported import Imported, NamedReferences, called, placed
from contextgen_cli.scene.scene import PlacedReference, Scene, Size


@dataclass(frozen=True)
class Pictured:
    """A subject: what it is called, its picture, its mask if that is a file, its edges in pixels of the canvas."""

    label: str
    image: Path
    mask: Path | None
    edges: Edges


@dataclass(frozen=True)
class PicturedScene:
    """A scene without its subjects; `name` is taken already."""

    name: str
    prompt: str
    canvas: Size
    layout: Path | None = None


def scene(about: PicturedScene, subjects: Iterable[tuple[str, Callable[[], Pictured]]]) -> Imported:
    """The scene with those subjects that can be read.

    Raises:
        MalformedError: there are none; the text has the first reasons.
    """
    references = NamedReferences()

    def instance(read: Callable[[], Pictured]) -> PlacedReference:
        subject = read()
        box = placed(about.canvas, subject.edges)
        return PlacedReference(references.name(subject.label, subject.image, subject.mask), box)

    instances, left_out = readable((each, partial(instance, read)) for each, read in subjects)
    if not instances:
        raise MalformedError("; ".join(left_out[:3]) or "it has no subject with a box")
    made = Scene(about.name, about.prompt, about.canvas, references.all, tuple(instances), about.layout)
    return Imported(made, left_out=called(about.name, left_out))
