"""LAMICBench++: `lamicbench_layout.json`, prompts with references in boxes of fractions.

References lie in `reference_images`, their masks in `reference_masks`, layouts in `layout_images`: beside the file, or
in the folder of the other pack beside its own. `lamicbench_plus.json`, which has no boxes, makes no scenes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from contextgen_cli.scene.imports import pictured
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import MalformedError, fetch, four, readings, some_text, text
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, fractions, scaled
from contextgen_cli.scene.imports.picture_search import first_file
from contextgen_cli.scene.imports.pictured import Pictured, PicturedScene
from contextgen_cli.scene.scene import Size

CANVAS = Size(768, 768)  # at which it is painted
_PACKS = ("lamicbench_plus_files", "lamicbench_layout_pack")


def matches(document: Document) -> bool:
    return any(
        isinstance(case, dict) and "prompt" in case and isinstance(case.get("references"), list)
        for case in _cases(document.tree)
    )


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    for at, case in enumerate(_cases(document.tree)):
        index = case.get("index", at) if isinstance(case, dict) else at
        yield ImportEntry(f"case {index}", partial(_scene, index, case, document, target))


def _cases(tree: Any) -> list[Any]:
    listed = tree.get("benchmark") if isinstance(tree, dict) else tree
    return listed if isinstance(listed, list) else []


def _scene(index: Any, case: Any, document: Document, target: Target) -> Imported:
    prompt, references = text(case, "prompt"), fetch(case, "references", list)
    if not any(isinstance(each, dict) and each.get("bbox") for each in references):
        raise MalformedError("it has no boxes: those are in lamicbench_layout.json")
    canvas = target.size or CANVAS
    number = f"{index:04d}" if isinstance(index, int) else str(index)
    layout = _in_packs(document, target, "layout_images", f"layout_{number}.png")
    about = PicturedScene(target.name(f"lamic-{number}"), prompt, canvas, first_file([layout]))
    return pictured.scene(about, readings("reference", references, _reference, document, target, canvas))


def _reference(item: Any, document: Document, target: Target, canvas: Size) -> Pictured:
    name = text(item, "image_path")
    if not item.get("bbox"):
        raise MalformedError("it has no box")
    image = _in_packs(document, target, "reference_images", name)
    mask = _in_packs(document, target, "reference_masks", f"{Path(name).with_suffix('')}_mask.png")
    left, top, right, bottom = map(round, scaled(fractions(four(item["bbox"])), canvas.width, canvas.height))
    return Pictured(some_text(item, "phrase") or image.stem, image, mask, (left, top, right, bottom))


def _in_packs(document: Document, target: Target, kind: str, name: str) -> Path:
    """The file of a name: the first that is there, else where it belongs."""
    packs = [document.folder, *(document.folder.parent / pack for pack in _PACKS)]
    folders = [*([target.pictures] if target.pictures else []), *packs]
    paths = [folder / kind / name for folder in folders]
    return first_file(paths) or paths[0]


FORMAT = Format("lamic", "LAMICBench++, lamicbench_layout.json: references in boxes, layouts", matches, entries)
