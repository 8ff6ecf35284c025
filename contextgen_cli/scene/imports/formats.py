"""The formats that are read, and what tells them apart; each is a module of `readers`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contextgen_cli.errors import SceneError
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.check.suggestions import nearest
from contextgen_cli.scene.imports import documents
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.fitting import Budget, fitted
from contextgen_cli.scene.imports.foreign_values import MalformedError
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.readers.annotations import (
    coco,
    createml,
    cvat,
    label_studio,
    labelme,
    pascal_voc,
    supervisely,
    via,
    yolo,
)
from contextgen_cli.scene.imports.readers.layouts import (
    creatilayout,
    instance_diffusion,
    lamic_inputs,
    lamic_layouts,
    layoutsam,
    mig,
    segment_info,
)

FORMATS: tuple[Format, ...] = (
    segment_info.FORMAT,
    mig.FORMAT,
    layoutsam.FORMAT,
    lamic_layouts.FORMAT,
    lamic_inputs.FORMAT,
    instance_diffusion.FORMAT,
    creatilayout.FORMAT,
    coco.FORMAT,
    label_studio.FORMAT,
    cvat.FORMAT,
    labelme.FORMAT,
    pascal_voc.FORMAT,
    via.FORMAT,
    supervisely.FORMAT,
    createml.FORMAT,
    yolo.FORMAT,
)
_HINT = "`contextgen import --format` lists what is read; with a name behind it, --format chooses"
_TOLD = 3  # faults, where nothing is left


@dataclass(frozen=True)
class ImportedFile:
    """The scenes of a file, and in words what of it made none."""

    scenes: tuple[Imported, ...]
    left_out: tuple[str, ...]


def named(name: str) -> Format | None:
    """The format of a name."""
    return next((each for each in FORMATS if each.name == name), None)


def near(name: str) -> str | None:
    """The name that may have been meant."""
    return nearest(name, [each.name for each in FORMATS])


def read(path: Path, target: Target, wanted: Format | None = None) -> ImportedFile:
    """The scenes of a file; what of it cannot be one is left out by name, and costs no other.

    Raises:
        SceneError: the file cannot be read, is of no format known here, or makes no scene at all.
    """
    document = documents.read(path)
    format_ = wanted or _detected(document)
    try:
        scenes, left_out = _scenes(format_.entries(document, target))
    except MalformedError as error:
        raise SceneError(f"{shown(path)}: no {format_.name} file: {error}", hint=_HINT) from None
    if scenes:
        return ImportedFile(tuple(scenes), (*document.remarks, *left_out))
    why = "; ".join(left_out[:_TOLD]) or "nothing in it makes a scene"
    more = f"; and {len(left_out) - _TOLD:,} more" if len(left_out) > _TOLD else ""
    raise SceneError(f"{shown(path)}, read as {format_.name}: {why}{more}", hint=_HINT)


def _scenes(entries: Iterable[ImportEntry]) -> tuple[list[Imported], list[str]]:
    found, left_out, budget = [], [], Budget()
    for entry in entries:
        try:
            found.append(fitted(entry.scene(), budget))
        except MalformedError as error:
            left_out.append(f"left out {entry.called}: {error}")
    return found, left_out


def _detected(document: Document) -> Format:
    found = next((each for each in FORMATS if each.matches(document)), None)
    if found is not None:
        return found
    names = ", ".join(each.name for each in FORMATS)
    hint = f"give the files in it, such as {shown(document.path)}/*.json" if document.is_folder else _HINT
    raise SceneError(f"{shown(document.path)}: of no format known here ({names})", hint=hint)
