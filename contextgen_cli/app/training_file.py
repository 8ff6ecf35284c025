"""A file that describes a training run -> plain values that fit the schema, with every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from contextgen_cli.scene.check import schema
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.problems import Problem
from contextgen_cli.scene.parse import sources
from contextgen_cli.scene.parse.assignments import Assignments, assigned
from contextgen_cli.scene.parse.nodes import Node, key_spot, plain, spot

_SCHEMA = "train"


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """What was read; `values` is None where there is an error among the problems."""

    values: Mapping[str, object] | None
    problems: tuple[Problem, ...]


def read(path: Path, assignments: Assignments = ()) -> TrainingFile:
    """Read a file, with key paths and values put into it. Problems are returned, never raised."""
    text, report = sources.read(path, None)
    values = None if text is None else _only_document(text, path, report, assignments)
    return TrainingFile(None if report.error_count else values, tuple(report.problems))


def _only_document(
    text: str, path: Path, report: ProblemCollector, assignments: Assignments
) -> Mapping[str, Any] | None:
    roots = list(sources.documents(text, path, report))
    if not roots:
        report.error("empty-file", "there is no training run in this file")
        return None
    if len(roots) > 1 and roots[1] is not None:
        report.error("two-documents", "a file describes one training run", spot(roots[1]))
    root = roots[0]
    if root is None:
        return None
    if not isinstance(root.value, dict):
        hint = "it begins with keys such as `version: 1`"
        report.error("not-a-mapping", "a training run must be a mapping of keys to values", spot(root), hint)
        return None
    root = assigned(root, assignments, report)
    broken = schema.check(root, report, schema=_SCHEMA)
    values = cast("dict[str, Any]", plain(root))
    if not broken:
        _check_choices(root, values, report)
    return values


def _check_choices(root: Node, values: Mapping[str, Any], report: ProblemCollector) -> None:
    """What no schema says well."""
    start = values.get("start", {})
    if ("model" in start) == ("new" in start):
        report.error("start", "`start` names either a `model` or a `new` one", spot(root, "start"))
    if "new" in start and "adapter" in start:
        report.error("start", "a new model has no adapter", spot(root, "start", "adapter"))
    names = [stage.get("name") for stage in values.get("stages", ())]
    for index, name in enumerate(names):
        if name in names[:index]:
            report.error("name-taken", f"another stage is named `{name}` too", spot(root, "stages", index, "name"))
    for index, stage in enumerate(values.get("stages", ())):
        if synth := stage.get("data", {}).get("synth"):
            _check_synth(root, ("stages", index, "data", "synth"), synth, report)
        _check_objective(root, index, stage, report)
    if values.get("train_text_encoders") and not any(_is_flow(stage) for stage in values.get("stages", ())):
        message, hint = "no stage would train the text encoders along: none is `flow`", "leave it out"
        report.error("text-encoders", message, spot(root, "train_text_encoders"), hint)
    if values.get("weights", "full") != "full":
        _check_lora(root, values, report)


def _check_objective(root: Node, index: int, stage: Mapping[str, Any], report: ProblemCollector) -> None:
    """Say which keys of a stage its objective does not read; `draws` would be another training with them."""
    from contextgen.training.config import OBJECTIVES

    readers: dict[str, list[str]] = {}
    for kind in OBJECTIVES.values():
        for setting in fields(kind):
            readers.setdefault(setting.name, []).append(kind.name)
    objective = stage.get("objective", "flow")
    for key in (key for key in stage if objective not in readers.get(key, [objective])):
        message = f"`{key}` is for {' and '.join(readers[key])}; the objective {objective} does not read it"
        say = report.error if key == "draws" and stage[key] > 1 else report.warning
        say("not-read", message, key_spot(root, "stages", index, key), "leave it out")


def _is_flow(stage: Mapping[str, Any]) -> bool:
    return bool(stage.get("objective", "flow") == "flow")


def _check_synth(root: Node, place: tuple[str | int, ...], synth: Mapping[str, Any], report: ProblemCollector) -> None:
    fewest, most = synth.get("counts", (1, 1))
    if fewest > most:
        report.error("counts", f"from {fewest} to {most}: the fewest come first", spot(root, *place, "counts"))
    for name in ("levels", "hints"):
        if not any(synth.get(name, {"plain": 1}).values()):
            report.error("no-share", f"no share in `{name}` is positive", spot(root, *place, name))
    if not any(share for _, _, share in synth.get("sizes", [(256, 256, 1)])):
        report.error("no-share", "no share in `sizes` is positive", spot(root, *place, "sizes"))


def _check_lora(root: Node, values: Mapping[str, Any], report: ProblemCollector) -> None:
    if values.get("train_text_encoders"):
        message = "a low-rank adapter changes the transformer only"
        report.error("lora-text", message, spot(root, "train_text_encoders"), "set it to false, or weights to full")
    for index, stage in enumerate(values["stages"]):
        if stage.get("objective") in ("codec", "text"):
            message = f"a low-rank adapter changes the transformer only; {stage['objective']} trains another part"
            report.error("lora-objective", message, spot(root, "stages", index, "objective"))
