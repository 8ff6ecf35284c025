"""What `filtered_prompts.json` of a set in IMIG-100K's formats says, as records; no picture is opened here.

The field names are those of the published set. `imig-basic` and `imig-complex` state `reference_images`, crops of the
target with perhaps an edited look; `imig-composite` and `imig-multicomposite` state `indices`, each with its `bbox` in
the target, or a face that was found again, or both.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextgen.data.imig.imig_release import PROMPTS

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
NO_AREA, NO_PLACE = "boxes without area", "references that were not found in their target"


@dataclass(frozen=True, slots=True)
class CutSubject:
    """A part of the target: as it was cut out, and perhaps edited.

    Attributes:
        number: of the reference, by which its files are named; numbers have gaps.
        box: where it was cut out of the target.
        valid: where the subject was found in the edited picture.
    """

    number: int
    box: Box
    valid: Box | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """A face that was found in a reference and again in the target.

    Attributes:
        reference: its box in the reference.
        target: its box in the target.
        aligned: its box in the picture of the aligned face; None: there is no such picture.
    """

    reference: Box
    target: Box
    aligned: Box | None = None


@dataclass(frozen=True, slots=True)
class ComposedSubject:
    """A reference that the target was composed of.

    Attributes:
        number: of the reference, by which its files are named; numbers have gaps.
        box: where it was found in the target; None: it is known by its aligned face alone.
    """

    number: int
    box: Box | None = None
    face: Face | None = None


Subject = CutSubject | ComposedSubject


@dataclass(frozen=True, slots=True)
class Record:
    """One picture of a set."""

    index: int
    prompt: str
    subjects: tuple[Subject, ...]


@dataclass(frozen=True)
class ImigSet:
    """A set: the records that have a subject.

    Attributes:
        is_composite: targets were composed of the references, so that a caption is needed to tell how.
        listed: how many records the list has.
        skipped: how often something could not be used, by its reason.
    """

    folder: Path
    is_composite: bool
    records: tuple[Record, ...]
    listed: int
    skipped: Counter[str]

    def name(self, record: Record) -> str:
        """Of a record, for messages."""
        return f"{self.folder}: record {record.index}"


def read_set(folder: Path) -> ImigSet:
    """The set in a folder.

    Raises:
        ValueError: there is none, or a record is not as the format says.
    """
    listed, skipped = _listed(folder / PROMPTS), Counter[str]()
    is_composite = "indices" in listed[0]
    subjects_of = _composed if is_composite else _cut
    records = []
    for place, stated in enumerate(listed):
        try:
            index, prompt = int(stated["index"]), stated["prompt"]
            if not isinstance(prompt, str) or index < 0:
                raise ValueError("its prompt is no text, or its index no number from 0 on")
            records.append(Record(index, prompt, tuple(subjects_of(stated, skipped))))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"{folder / PROMPTS}: record {place}: {_said(error)}") from error
    usable = tuple(record for record in records if record.subjects)
    if not usable:
        raise ValueError(f"{folder / PROMPTS}: no record has a reference that can be used")
    return ImigSet(folder, is_composite, usable, len(listed), skipped)


def _listed(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        within = sorted(each.parent.name for each in path.parent.glob(f"*/{PROMPTS}"))
        named = f"one of the sets in it, {', '.join(within)}" if within else "a folder in one of IMIG-100K's formats"
        raise ValueError(f"{path} is missing: give {named}")
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8: fetch it again") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}; fetch it again") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply for a list of records; fetch it again") from None
    if not isinstance(listed, list) or not listed or not all(isinstance(stated, dict) for stated in listed):
        raise ValueError(f"{path}: expected a list of records, at least one")
    return listed


def _cut(stated: dict[str, Any], skipped: Counter[str]) -> list[Subject]:
    found: list[Subject] = []
    for reference in stated["reference_images"]:
        box, valid = _box(reference["bbox"], skipped), _box(reference.get("valid_bbox"), skipped)
        if box is not None:
            found.append(CutSubject(int(reference["index"]), box, valid))
    return found


def _composed(stated: dict[str, Any], skipped: Counter[str]) -> list[Subject]:
    indices, boxes, faces = stated["indices"], stated["bbox"], stated.get("face_bbox") or [None] * len(stated["bbox"])
    if not len(indices) == len(boxes) == len(faces):
        raise ValueError(f"{len(indices)} indices, {len(boxes)} bbox and {len(faces)} face_bbox must be as many")
    found: list[Subject] = []
    for number, place, seen in zip(indices, boxes, faces, strict=True):
        box, face = _box(place and place["bbox"], skipped), _face(seen, skipped)
        if box is not None or (face is not None and face.aligned is not None):
            found.append(ComposedSubject(int(number), box, face))
        elif not place:
            skipped[NO_PLACE] += 1
    return found


def _face(stated: dict[str, Any] | None, skipped: Counter[str]) -> Face | None:
    if stated is None:
        return None
    reference, target = _box(stated["ref"], skipped), _box(stated["target"], skipped)
    aligned = _box(stated.get("aligned_face_bbox"), skipped)
    return None if reference is None or target is None else Face(reference, target, aligned)


def _box(stated: Any, skipped: Counter[str]) -> Box | None:
    """A box that is stated; None, and counted, where it has no area that a picture could have."""
    if stated is None:
        return None
    left, top, right, bottom = (float(number) for number in stated)
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise ValueError(f"the box {list(stated)} is not made of numbers")
    if right <= max(left, 0) or bottom <= max(top, 0):
        skipped[NO_AREA] += 1
        return None
    return left, top, right, bottom


def _said(error: Exception) -> str:
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
