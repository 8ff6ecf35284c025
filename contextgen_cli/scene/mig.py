"""The MIG benchmark: {prompt: {label: [[x1, y1, x2, y2], …]}}, boxes in fractions of the canvas.

It has no references, so its scenes name files that are still to be put there: `refs/<label>.png`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imported import Imported, MalformedError, Target, four, on_canvas, unused, word
from contextgen_cli.scene.scene import Instance, Reference, Scene, Size

DEFAULT_CANVAS = Size(768, 768)  # what the released weights like best; the benchmark does not say


def scenes(data: Any, path: Path, target: Target) -> Iterator[Imported]:
    """A scene for each prompt."""
    for prompt, labels in data.items():
        if not isinstance(labels, dict) or not labels:
            raise MalformedError(f"the prompt {prompt!r} has no labels")
        yield _scene(prompt, labels, target)


def _scene(prompt: str, labels: dict[str, Any], target: Target) -> Imported:
    canvas = target.size or DEFAULT_CANVAS
    references: dict[str, Reference] = {}
    instances = []
    for label, boxes in labels.items():
        where = f"{prompt!r}, {label!r}"
        if not isinstance(boxes, list):
            raise MalformedError(f"{where}: a list of boxes is missing")
        name = unused(word(label), references)
        references[name] = Reference(name, target.folder / "refs" / f"{name}.png")
        instances += [Instance(name, on_canvas(canvas, *four(box, where))) for box in boxes]
    scene = Scene(target.name(prompt), prompt, canvas, tuple(references.values()), tuple(instances))
    return Imported(scene, missing=tuple(reference.image for reference in references.values()))
