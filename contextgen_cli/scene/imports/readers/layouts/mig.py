"""COCO-MIG: labels in boxes of fractions, by prompt or by number; YAML or JSON.

{prompt: {label: [[x1, y1, x2, y2], …], `coco_id`: number}}, or as its evaluator has it {number: {`caption`, `segment`:
[{`label`, `bbox`}]}}. Labels are sorted in the first form: the order of the instances is that of the prompt. It has no
references, so its scenes name files that are still to be put there: `refs/LABEL.png`, one for each label of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from contextgen_cli.scene import limits
from contextgen_cli.scene.imports import described
from contextgen_cli.scene.imports.described import Described, Description
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import MalformedError, brief, fetch, four, readings, text
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target, fractions
from contextgen_cli.scene.scene import Size

CANVAS = Size(512, 512)  # its pictures are judged at this size
_ID = "coco_id"
_Reading = tuple[str, Callable[[], Described]]


def matches(document: Document) -> bool:
    tree = document.tree
    return isinstance(tree, dict) and any(_is_case(value) for value in tree.values())


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    if not isinstance(document.tree, dict):
        raise MalformedError("it must be an object of prompts")
    for key, value in document.tree.items():
        scene = _numbered if isinstance(value, dict) and "segment" in value else _prompted
        yield ImportEntry(brief(key), partial(scene, key, value, target))


def _is_case(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if "segment" in value:
        return "caption" in value
    return any(isinstance(boxes, list) and boxes and isinstance(boxes[0], list) for boxes in value.values())


def _numbered(key: str, case: Mapping[str, Any], target: Target) -> Imported:
    segments = fetch(case, "segment", list)
    subjects = readings("segment", segments, _segment)
    return described.scene(Description(_name(key), text(case, "caption").strip(), CANVAS), subjects, target)


def _segment(item: Any) -> Described:
    return Described(text(item, "label"), fractions(four(fetch(item, "bbox", list))))


def _prompted(prompt: str, labels: Any, target: Target) -> Imported:
    if not isinstance(labels, dict):
        raise MalformedError(f"its labels are no object: {brief(labels)}")
    if not prompt.strip():
        raise MalformedError("its prompt is empty")
    number = labels.get(_ID)
    name = prompt if number is None or isinstance(number, (list, dict)) else _name(str(number))
    boxes = {label: value for label, value in labels.items() if label != _ID or isinstance(value, list)}
    return described.scene(Description(name, prompt.strip(), CANVAS), _in_order(prompt, boxes), target)


def _name(number: str) -> str:
    return f"mig-{number:>04}"


def _in_order(prompt: str, labels: Mapping[str, Any]) -> Iterator[_Reading]:
    """The boxes in the order in which the prompt names their labels; those that it does not name come last."""
    waiting = {label: _readings(label, boxes) for label, boxes in labels.items()}
    if len(labels) <= limits.INSTANCES:
        longest_first = sorted(filter(None, labels), key=len, reverse=True)
        named = "|".join(map(re.escape, longest_first))
        for found in re.finditer(rf"(?<!\w)(?:{named})(?!\w)", prompt) if named else ():
            yield from waiting[found.group()][:1]
            del waiting[found.group()][:1]
    for rest in waiting.values():
        yield from rest


def _readings(label: str, boxes: Any) -> list[_Reading]:
    called = brief(label)
    if not isinstance(boxes, list) or not boxes:
        return [(called, partial(_refuse, boxes))]
    return [(called, partial(_described, label, box)) for box in boxes]


def _described(label: str, box: Any) -> Described:
    return Described(label, fractions(four(box)))


def _refuse(boxes: Any) -> Described:
    raise MalformedError(f"a list of boxes is missing: {brief(boxes)}")


FORMAT = Format("mig", "COCO-MIG, YAML or JSON: labels in boxes; without pictures", matches, entries)
