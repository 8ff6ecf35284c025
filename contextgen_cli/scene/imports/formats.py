"""Turns other tools' files into scenes; each format has a module that says what is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from contextgen_cli.errors import SceneError
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.imports import coco, mig, segment_info
from contextgen_cli.scene.imports.fitting import fitting
from contextgen_cli.scene.imports.imported import Imported, MalformedError, Target
from contextgen_cli.scene.parse.missing_files import near_file


class Format(str, Enum):
    SEGMENT_INFO = "segment-info"
    COCO = "coco"
    MIG = "mig"


_READERS: dict[Format, Callable[[Any, Path, Target], Iterator[Imported]]] = {
    Format.SEGMENT_INFO: segment_info.scenes,
    Format.COCO: coco.scenes,
    Format.MIG: mig.scenes,
}
_HINT = "`contextgen import --help` says what is read; --format chooses"


def read(path: Path, target: Target, wanted: Format | None = None) -> list[Imported]:
    """The scenes of a file; SceneError says what is not as it must be, and where."""
    data = _json(path)
    format_ = wanted or _detected(data, path)
    try:
        if not isinstance(data, dict):
            raise MalformedError("it must be an object")
        scenes = fitting(_READERS[format_](data, path, target))
    except (MalformedError, KeyError) as error:
        what = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
        raise SceneError(f"{shown(path)}: no {format_.value} file: {what}", hint=_HINT) from None
    if not scenes:
        raise SceneError(f"{shown(path)}: nothing in it makes a scene", hint=_HINT)
    return scenes


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8-sig"), parse_constant=_no_constant)
    except OSError as error:
        hint = None if path.exists() else partial(near_file, path)
        raise SceneError(f"{shown(path)}: cannot read this file: {error.strerror}", hint=hint) from None
    except json.JSONDecodeError as error:
        place = f"{shown(path)}:{error.lineno}:{error.colno}"
        raise SceneError(f"{place}: this is no JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{shown(path)}: this is no JSON: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _detected(data: Any, path: Path) -> Format:
    if isinstance(data, dict):
        if {"images", "annotations"} <= data.keys():
            return Format.COCO
        if "prompt" in data and any(key in data for key in segment_info.LISTS):
            return Format.SEGMENT_INFO
        if data and all(isinstance(labels, dict) for labels in data.values()):
            return Format.MIG
    names = ", ".join(format_.value for format_ in Format)
    raise SceneError(f"{shown(path)}: of no format known here ({names})", hint=_HINT)
