"""Labels in boxes -> a scene. There are no pictures of the subjects: the scene names files that are to be put there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from contextgen_cli.scene.scene import PlacedReference, Scene, Size

DEFAULT_CANVAS = Size(768, 768)  # what the released weights like best


@dataclass(frozen=True)
class Described:
    """A label and its box in fractions of the canvas."""

    label: str
    edges: Edges


@dataclass(frozen=True)
class Description:
    """What a scene is called, what it shows, and on which canvas, if the user wants no other."""

    name: str
    prompt: str
    canvas: Size = DEFAULT_CANVAS


def scene(
    description: Description, subjects: Iterable[tuple[str, Callable[[], Described]]], target: Target
) -> Imported:
    """The scene of a description: one picture for each label, `refs/LABEL.png`.

    Raises:
        MalformedError: none of the subjects can be used; the text has the first reasons.
    """
    canvas = target.size or canvas_like(description.canvas)
    references = NamedReferences()

    def instance(read: Callable[[], Described]) -> PlacedReference:
        subject = read()
        box = placed(canvas, scaled(subject.edges, canvas.width, canvas.height))
        return PlacedReference(references.name(subject.label, target.picture(subject.label)), box)

    instances, left_out = readable((each, partial(instance, read)) for each, read in subjects)
    if not instances:
        raise MalformedError("; ".join(left_out[:3]) or "it has no boxes")
    name = target.name(description.name)
    made = Scene(name, description.prompt, canvas, references.all, tuple(instances))
    return Imported(made, left_out=called(name, left_out))
