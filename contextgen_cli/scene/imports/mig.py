"""The MIG benchmark: {prompt: {label: [[x1, y1, x2, y2], …]}}, boxes in fractions of the canvas.

It has no references, so its scenes name files that are still to be put there: `refs/<label>.png`, one for
each label of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imports.imported import FreeNames, Imported, MalformedError, Target, four, placed, word
from contextgen_cli.scene.scene import PlacedReference, Reference, Scene, Size

DEFAULT_CANVAS = Size(768, 768)  # what the released weights like best; the benchmark does not say
_ROUNDING = 1e-4  # how far a box may leave the image: not by half a pixel of any canvas


def scenes(data: Any, path: Path, target: Target) -> Iterator[Imported]:
    """A scene for each prompt."""
    for prompt, labels in data.items():
        if not isinstance(labels, dict) or not labels:
            raise MalformedError(f"the prompt {prompt!r} has no labels")
        if not prompt.strip():
            raise MalformedError(f"the prompt of {', '.join(map(repr, labels))} is empty")
        yield _scene(prompt, labels, target)


def _scene(prompt: str, labels: dict[str, Any], target: Target) -> Imported:
    canvas = target.size or DEFAULT_CANVAS
    references: dict[str, Reference] = {}
    names = FreeNames()
    instances = []
    for label, boxes in labels.items():
        where = f"{prompt!r}, {label!r}"
        if not isinstance(boxes, list) or not boxes:
            raise MalformedError(f"{where}: a list of boxes is missing")
        name = names.take(word(label))
        references[name] = Reference(name, target.picture(label))
        instances += [PlacedReference(name, placed(canvas, _fractions(box, where), where)) for box in boxes]
    scene = Scene(target.name(prompt), prompt, canvas, tuple(references.values()), tuple(instances))
    return Imported(scene, missing=tuple(reference.image for reference in references.values()))


def _fractions(box: Any, where: str) -> tuple[float, float, float, float]:
    edges = four(box, where)
    if not all(-_ROUNDING <= edge <= 1 + _ROUNDING for edge in edges):
        raise MalformedError(f"{where}: the box {list(edges)} leaves the image: MIG boxes are fractions of it, 0 to 1")
    return edges
