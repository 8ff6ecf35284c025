"""LAMIC's structured inputs: {sample: {`prompt`, `ref_img_1`: {`image_path`, `SAD`: {`id`, `desc`}, `bbox`?}, …}}.

Boxes are fractions; references without one, such as backgrounds, are left out. Paths begin at the folder that holds
`dataset`. There are no masks, so the scenes name files that are still to be put there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imports import pictured
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import MalformedError, fetch, four, some_text, text
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, fractions, scaled
from contextgen_cli.scene.imports.picture_search import first_file, named_file
from contextgen_cli.scene.imports.pictured import Pictured, PicturedScene
from contextgen_cli.scene.scene import Size

CANVAS = Size(768, 768)
_REFERENCE = re.compile(r"ref_img_\d+")
_ABOVE = 3  # folders in which a path may begin: the file lies in dataset/structured_inputs


def matches(document: Document) -> bool:
    tree = document.tree
    return isinstance(tree, dict) and any(
        isinstance(sample, dict) and "prompt" in sample and any(map(_REFERENCE.fullmatch, sample))
        for sample in tree.values()
    )


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    if not isinstance(document.tree, dict):
        raise MalformedError("it must be an object of samples")
    for name, sample in document.tree.items():
        yield ImportEntry(name, partial(_scene, name, sample, document, target))


def _scene(called: str, sample: Any, document: Document, target: Target) -> Imported:
    prompt = text(sample, "prompt")
    name = target.name(called)
    canvas = target.size or CANVAS
    keys = sorted((key for key in sample if _REFERENCE.fullmatch(key)), key=lambda key: (len(key), key))
    readings = ((key, partial(_reference, sample[key], name, document, target, canvas)) for key in keys)
    return pictured.scene(PicturedScene(name, prompt, canvas), readings)


def _reference(item: Any, scene: str, document: Document, target: Target, canvas: Size) -> Pictured:
    image = _found(text(item, "image_path"), document, target)
    if not item.get("bbox"):
        raise MalformedError("it has no box")
    edges = scaled(fractions(four(fetch(item, "bbox", list))), canvas.width, canvas.height)
    described = item.get("SAD")
    label = (some_text(described, "id") if isinstance(described, dict) else None) or image.stem
    mask = image.with_name(f"{image.stem}_mask.png")
    return Pictured(label, image, first_file([mask]) or target.mask(scene, label), edges)


def _found(name: str, document: Document, target: Target) -> Path:
    above = [document.folder, *document.folder.parents][:_ABOVE]
    return named_file(name, target.pictures, *above)


FORMAT = Format(
    "lamic-inputs", "LAMIC's structured inputs: references, some with boxes; without masks", matches, entries
)
