"""Finds the picture that another tool's file names, and brings together what the two say about its size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from contextgen_cli.scene.check.image_files import ImageError, ImageHeader, header
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import MalformedError
from contextgen_cli.scene.imports.imported import Target
from contextgen_cli.scene.limits import REFERENCE_PIXELS
from contextgen_cli.scene.scene import Size

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif")
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the names of uploaded files
_ASPECT = 0.01  # by how much the sides' ratio may differ where a picture was resized
_IMAGE_FOLDERS = ("images", "JPEGImages", "img")


@dataclass(frozen=True)
class Photograph:
    """A picture with annotations.

    Attributes:
        frame: the size that the annotations are for.
        size: the picture's own; the frame where it is not there.
        notes: what is odd about it.
    """

    path: Path
    frame: Size
    size: Size
    notes: tuple[str, ...] = ()


def photograph(name: str, stated: Size | None, document: Document, target: Target) -> Photograph:
    """The picture of a name, held against the size that the file states.

    Raises:
        MalformedError: nobody knows its size, or the two do not go together.
    """
    path = found(name, document, target) or _expected(name, document, target)
    seen = _header(path)
    frame = stated or (None if seen is None else seen.size)
    if frame is None:
        raise MalformedError(f"its size is not stated, and there is no picture {shown(path)}")
    if frame.width * frame.height > REFERENCE_PIXELS:
        raise MalformedError(f"its picture is {frame.width} x {frame.height} px")
    if seen is None or seen.size == frame:
        return Photograph(path, frame, frame)
    return Photograph(path, frame, seen.size, (_resized(path, frame, seen),))


def found(name: str, document: Document, target: Target) -> Path | None:
    """The first file that is there: by the name as it stands or as it was before an export, in the usual folders."""
    names = list(dict.fromkeys(_names(name)))
    return first_file(folder / each for folder in _folders(document, target) for each in names)


def named_file(name: str, *folders: Path | None) -> Path:
    """The file of a name in the first of the folders where it is, `\\` and `%20` undone; else where it belongs, in the
    last."""
    plain = name.replace("\\", "/")
    within = [folder for folder in folders if folder is not None]
    names = dict.fromkeys((name, plain, unquote(plain)))
    return first_file(folder / each for folder in within for each in names) or within[-1] / name


def beside(stem: Path) -> Path | None:
    """The picture of a stem, whatever its ending."""
    return first_file(stem.with_name(stem.name + suffix) for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)))


def first_file(paths: Iterable[Path]) -> Path | None:
    """The first that is there; whatever stands in a file's name, none is an error."""
    return next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113  which never raises


def _expected(name: str, document: Document, target: Target) -> Path:
    """Where a picture that is not there belongs."""
    is_address = "://" in name or name.startswith("/")
    relative = name.replace("\\", "/")
    return (target.pictures or document.folder) / (_base(name) if is_address else relative)


def _names(name: str) -> Iterator[str]:
    """The name, and what it may have been before an export wrote it."""
    yield name
    path = _path(name)
    for each in (path, unquote(path)):
        if not each.startswith("/"):
            yield each
    yield "/".join(path.split("/")[-2:])  # the folder of a split
    for base in (_base(name), unquote(_base(name))):
        yield base
        yield _UPLOADED.sub("", base, count=1)


def _path(name: str) -> str:
    """Of an address its path; of one that Label Studio serves from a disk, the file's."""
    try:
        parts = urlsplit(name) if "://" in name or name.startswith("/data/") else None
    except ValueError:
        parts = None
    if parts is None:
        return name.replace("\\", "/")
    return parse_qs(parts.query).get("d", [parts.path])[0]


def _base(name: str) -> str:
    return _path(name).rstrip("/").rpartition("/")[2] or "picture"


def _folders(document: Document, target: Target) -> Iterator[Path]:
    """The folder that the user names; the file's own and the one above, with their folders of pictures, also those of a
    split such as `val2017`."""
    if target.pictures is not None:
        yield target.pictures
    split = document.path.stem.rpartition("_")[2]
    for folder in (document.folder, document.folder.parent):
        yield folder
        for name in _IMAGE_FOLDERS:
            yield folder / name
            yield folder / name / split
        yield folder / split


def _header(path: Path) -> ImageHeader | None:
    try:
        return header(path)
    except ImageError:
        return None


def _resized(path: Path, frame: Size, seen: ImageHeader) -> str:
    """A remark on a picture that was resized after it was annotated."""
    said = f"{shown(path)} is {seen.size} px, but annotated at {frame}"
    stretch = frame.width * seen.height / (frame.height * seen.width)
    if abs(stretch - 1) <= _ASPECT:
        return f"{said}: boxes and outlines are scaled"
    if seen.stored_size == frame:
        raise MalformedError(
            f"{said}, as it lies before EXIF turns it: save it upright and annotate that, or turn both"
        )
    raise MalformedError(f"{said}: it is another picture, or was cropped since")
