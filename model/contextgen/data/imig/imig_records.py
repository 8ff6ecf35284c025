"""What `filtered_prompts.json` of a set in IMIG-100K's formats says, as records; no picture is opened here.

The field names are those of the published set. `imig-basic` and `imig-complex` state `reference_images`, crops of the
target with perhaps an edited look; `imig-composite` and `imig-multicomposite` state `indices`, each with its `bbox` in
the target and perhaps an aligned face.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROMPTS = "filtered_prompts.json"
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class ImigPicture:
    """Where a reference lies.

    Attributes:
        image, mask: files; without a mask, the image has an alpha channel.
        crop: the part of it that counts; None for all.
        stated: the record says that there is one; otherwise the file may be missing.
    """

    image: Path
    mask: Path | None = None
    crop: Box | None = None
    stated: bool = True


@dataclass(frozen=True)
class View:
    """A reference and where its subject is in the target."""

    picture: ImigPicture
    box: Box


@dataclass(frozen=True)
class Subject:
    """One instance: as it is in the target, and perhaps otherwise (an edited look, an aligned face)."""

    own: View
    other: View | None = None


@dataclass(frozen=True)
class Record:
    """One picture of a set."""

    index: int
    prompt: str
    target: Path
    subjects: tuple[Subject, ...]


@dataclass(frozen=True)
class ImigSet:
    """A set: its records, and whether the other view of a subject is an aligned face rather than an edited look."""

    folder: Path
    has_faces: bool
    records: tuple[Record, ...]


def read_set(folder: Path) -> ImigSet:
    """The set in a folder.

    Raises:
        ValueError: there is none, or a record is not as the format says.
    """
    listed = _listed(folder / PROMPTS)
    has_faces = "indices" in listed[0]
    read = _composite if has_faces else _basic
    records = []
    for place, stated in enumerate(listed):
        try:
            records.append(read(folder, stated))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{folder / PROMPTS}: record {place}: {_said(error)}") from error
    return ImigSet(folder, has_faces, tuple(record for record in records if record.subjects))


def _listed(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise ValueError(f"{path} is missing: give a folder in one of IMIG-100K's formats")
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8: fetch it again") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}; fetch it again") from None
    if not isinstance(listed, list) or not listed or not all(isinstance(stated, dict) for stated in listed):
        raise ValueError(f"{path}: expected a list of records, at least one")
    return listed


def _basic(folder: Path, stated: dict[str, Any]) -> Record:
    index = int(stated["index"])
    subjects = []
    for reference in stated["reference_images"]:
        name = f"{index:06d}_{int(reference['index'])}"
        crop = ImigPicture(folder / f"instance_data/{name}.jpg", folder / f"masked_instance_data/{name}_mask.png")
        valid = reference.get("valid_bbox")
        edited = ImigPicture(
            folder / f"kontext_data/{name}.jpg",
            folder / f"masked_kontext_data/{name}_mask.png",
            crop=None if valid is None else _box(valid),
            stated=valid is not None,
        )
        box = _box(reference["bbox"])
        subjects.append(Subject(View(crop, box), View(edited, box)))
    return Record(index, str(stated["prompt"]), folder / f"data/{index:06d}.jpg", tuple(subjects))


def _composite(folder: Path, stated: dict[str, Any]) -> Record:
    index = int(stated["index"])
    indices, boxes, faces = stated["indices"], stated["bbox"], stated.get("face_bbox") or [None] * len(stated["bbox"])
    if not len(indices) == len(boxes) == len(faces):
        raise ValueError(f"{len(indices)} indices, {len(boxes)} bbox and {len(faces)} face_bbox must be as many")
    subjects = tuple(_persons(folder, index, indices, boxes, faces))
    return Record(index, str(stated["prompt"]), folder / f"composite_images/{index:06d}.jpg", subjects)


def _persons(folder: Path, index: int, indices: list[Any], boxes: list[Any], faces: list[Any]) -> Iterator[Subject]:
    """The subjects that were found again in the target; the others have no box."""
    for number, found, face in zip(indices, boxes, faces, strict=True):
        if found is None:
            continue
        name = f"{index:06d}_{int(number)}"
        body = ImigPicture(folder / f"reference_masks/{name}.jpg", folder / f"reference_masks/{name}_mask.png")
        aligned = face and face.get("aligned_face_bbox")
        portrait = aligned and View(ImigPicture(folder / f"aligned_faces/{name}_aligned_face.png"), _box(aligned))
        yield Subject(View(body, _box(found["bbox"])), portrait or None)


def _box(stated: Any) -> Box:
    left, top, right, bottom = (float(number) for number in stated)
    if right <= left or bottom <= top:
        raise ValueError(f"the box {list(stated)} has no area")
    return left, top, right, bottom


def _said(error: Exception) -> str:
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
