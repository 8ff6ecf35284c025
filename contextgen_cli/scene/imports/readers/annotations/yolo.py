"""YOLO labels: a text file an image, in each line a class and a box, or the corners of a polygon, in fractions.

A box is centre and size; a sixth number is a score. The names of the classes are in `classes.txt`, `obj.names` or
`data.yaml`, beside the labels or above. The image has the labels' name, beside them or in `images` where they are in
`labels`; without it the labels describe a scene whose pictures are still to be put there. A folder stands for all
labels in it, and `data.yaml` for its folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from contextgen_cli.errors import SceneError
from contextgen_cli.scene.imports import annotated, described, documents
from contextgen_cli.scene.imports.annotated import AnnotatedSubject
from contextgen_cli.scene.imports.described import Described, Description
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import Edges, MalformedError, brief, number
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, fractions, scaled
from contextgen_cli.scene.imports.outlines import Polygons
from contextgen_cli.scene.imports.picture_search import beside, first_file, photograph

_LINE = re.compile(r"\s*\d+(?:\s+[-+.\deE]+){4,}\s*")
_CLASS_FILES = ("classes.txt", "obj.names", "data.yaml", "dataset.yaml")
_ABOVE = 3  # folders in which the class list is looked for
_LOOKED_AT = 200  # lines that tell the format


@dataclass(frozen=True)
class _Classes:
    """The names of the classes by number, and whether points of a skeleton come behind the boxes, which are passed
    over."""

    names: Mapping[int, str]
    has_keypoints: bool = False


_ClassesOf = Callable[[Path], _Classes]


def matches(document: Document) -> bool:
    if document.is_folder:
        return next(_label_files(document.path), None) is not None
    return _is_data_yaml(document) or any(map(_LINE.fullmatch, document.lines[:_LOOKED_AT]))


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    classes_of = cache(_classes)
    if not document.is_folder and not _is_data_yaml(document):
        yield ImportEntry(document.path.name, partial(_scene, document, target, classes_of))
        return
    for path in _label_files(document.folder):
        yield ImportEntry(str(path.relative_to(document.folder)), partial(_of_file, path, target, classes_of))


def _is_data_yaml(document: Document) -> bool:
    return isinstance(document.tree, dict) and "names" in document.tree and "train" in document.tree


def _label_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if name.endswith(".txt") and name not in _CLASS_FILES and _is_labels(path):
                yield path


def _is_labels(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return _LINE.fullmatch(file.readline(_LOOKED_AT * 100)) is not None
    except (OSError, ValueError):
        return False


def _of_file(path: Path, target: Target, classes_of: _ClassesOf) -> Imported:
    try:
        document = documents.read(path)
    except SceneError as error:
        raise MalformedError(error.message) from None
    return _scene(document, target, classes_of)


def _scene(document: Document, target: Target, classes_of: _ClassesOf) -> Imported:
    classes = classes_of(document.folder)
    lines = [(f"line {at}", line) for at, line in enumerate(document.lines, 1) if line.strip()]
    picture = _picture(document.path, target)
    if picture is None:
        return _without_picture(document, lines, classes, target)
    photo = photograph(picture.name, None, Document(picture), target)

    def subject(called: str, line: str) -> AnnotatedSubject:
        label, edges, outline = _read(line, classes)
        x, y = photo.frame.width, photo.frame.height
        if outline is None:
            return AnnotatedSubject(called, label, scaled(edges, x, y))
        corners = tuple(value * (y if at % 2 else x) for at, value in enumerate(outline))
        return AnnotatedSubject(called, label, None, Polygons.of([corners]))

    made = annotated.scene(photo, ((called, partial(subject, called, line)) for called, line in lines), target)
    return Imported(made.scene, made.masks, made.left_out, (*made.notes, *_unnamed(made, classes)))


def _without_picture(
    document: Document, lines: Sequence[tuple[str, str]], classes: _Classes, target: Target
) -> Imported:
    """The scene that the labels describe on a canvas of the usual size, as nobody knows the image's."""

    def subject(line: str) -> Described:
        label, edges, _ = _read(line, classes)
        return Described(label, fractions(edges))

    labels = [label for _, line in lines if (label := _label(line, classes))]
    prompt = annotated.photo_of(labels)
    description = Description(document.path.stem, prompt)
    made = described.scene(description, ((called, partial(subject, line)) for called, line in lines), target)
    lonely = f"{made.scene.name}: there is no picture {document.path.stem}.*: only labels and boxes are taken"
    return Imported(made.scene, left_out=made.left_out, notes=(lonely, *_unnamed(made, classes)))


def _unnamed(made: Imported, classes: _Classes) -> tuple[str, ...]:
    if classes.names:
        return ()
    return (f"{made.scene.name}: there is no class list ({', '.join(_CLASS_FILES)}): classes are called by number",)


def _label(line: str, classes: _Classes) -> str | None:
    try:
        return _read(line, classes)[0]
    except MalformedError:
        return None


def _read(line: str, classes: _Classes) -> tuple[str, Edges, tuple[float, ...] | None]:
    """The label, the edges and, of a polygon, the corners; all in fractions."""
    if not _LINE.fullmatch(line):
        raise MalformedError(f"this is no class with a box or polygon: {brief(line)}")
    first, *values = line.split()
    index = int(first) if len(first) < 10 else -1
    if classes.names and index not in classes.names:
        raise MalformedError(f"the class list has no {brief(first)}")
    label, found = classes.names.get(index, f"class {first[:9]}"), tuple(map(number, values))
    if len(found) in (4, 5) or classes.has_keypoints:
        x, y, width, height = found[:4]
        return label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), None
    if len(found) % 2:
        raise MalformedError("a polygon has an x without a y")
    return label, (min(found[::2]), min(found[1::2]), max(found[::2]), max(found[1::2])), found


def _picture(labels: Path, target: Target) -> Path | None:
    """The picture of the labels' name: where the user says, beside them, or in `images` where they are in `labels`."""
    folders = [*([target.pictures] if target.pictures else []), labels.parent]
    parts = labels.parent.parts
    if "labels" in parts:
        at = len(parts) - 1 - parts[::-1].index("labels")
        folders.append(Path(*parts[:at], "images", *parts[at + 1 :]))
    pictures = (beside(folder / labels.stem) for folder in folders)
    return next((picture for picture in pictures if picture is not None), None)


def _classes(folder: Path) -> _Classes:
    """What the nearest class list says; nothing where there is none."""
    paths = (above / name for above in [folder, *folder.parents][:_ABOVE] for name in _CLASS_FILES)
    return next((found for path in paths if (found := _classes_in(path)) is not None), _Classes({}))


def _classes_in(path: Path) -> _Classes | None:
    if first_file([path]) is None:
        return None
    try:
        document = documents.read(path)
    except SceneError:
        return None
    if document.lines:
        return _Classes({at: line.strip() for at, line in enumerate(document.lines) if line.strip()})
    tree = document.tree if isinstance(document.tree, dict) else {}
    names: Any = tree.get("names")
    pairs = enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, dict) else ()
    found = {int(key): str(name) for key, name in pairs if str(key).isdecimal() and len(str(key)) < 10}
    return _Classes(found, "kpt_shape" in tree) if found else None


FORMAT = Format("yolo", "YOLO labels, a .txt or a folder of them: boxes, polygons; class list", matches, entries)
