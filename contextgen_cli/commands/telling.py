"""What a run says of its plan and of its jobs: words for a person, paths or JSON lines for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contextgen_cli import console
from contextgen_cli.batch.plan import Job, Plan
from contextgen_cli.batch.worker import Outcome, Status
from contextgen_cli.devices import Footprint, gibibytes
from contextgen_cli.errors import ContextgenError
from contextgen_cli.progress import duration

_PREVIEW_COLUMNS = 40
_PREVIEW_MARGIN = 4  # rows: the path, the summary and the prompt


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Write an outcome's data to standard output, and what a person should know of it to standard error."""
    if outcome.error is not None:
        _tell_failure(outcome)
    if outcome.evades is not None:
        console.note(f"{outcome.evades} is another job's picture; wrote {outcome.path}")
    if outcome.mended:
        console.note(f"{outcome.path} was not whole: rendered again")
    if as_json:
        console.emit_json(_as_record(outcome))
    elif outcome.png is not None:
        console.emit_bytes(outcome.png)
    elif outcome.path is not None:
        console.emit(str(outcome.path))


def sum_up(jobs: int, counts: Mapping[Status, int], seconds: float, code: int, *, as_json: bool) -> None:
    """Write how a run ended."""
    if as_json:
        words = {status.value: counts.get(status, 0) for status in Status}
        record = {"jobs": jobs, **words, "seconds": round(seconds, 3), "exit": code}
        console.emit_json({"type": "summary", **record})
        return
    parts = [f"{counts[status]} {status.value}" for status in Status if counts.get(status)]
    unfinished = jobs - sum(counts.values())
    parts += [f"{unfinished} left undone"] * bool(unfinished)
    console.note(f"{', '.join(parts)} in {duration(seconds)}")


def preview(path: Path) -> None:
    """Draw a picture on the terminal, small, where that shows it."""
    if not console.shows_pictures():
        return
    from PIL import Image

    from contextgen_cli.drawing import blocks

    columns, rows = console.size()
    with Image.open(path) as picture:
        console.show(blocks(picture, min(columns, _PREVIEW_COLUMNS), rows - _PREVIEW_MARGIN))


def _tell_failure(outcome: Outcome) -> None:
    error = outcome.error
    if isinstance(error, ContextgenError):
        console.error(error, about=outcome.job.name)
    elif error is not None:
        console.bug(error)


def _as_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome as a JSON line."""
    job, error = outcome.job, outcome.error
    return {
        "type": "job",
        "status": outcome.status.value,
        "scene": job.scene.name,
        "seed": job.seed,
        "job": job.id,
        "path": None if outcome.path is None else str(outcome.path),
        "seconds": round(outcome.seconds, 3),
        "error": None
        if error is None
        else {"class": type(error).__name__, "message": str(error), "hint": getattr(error, "hint", None)},
    }


def show_plan(todo: Plan, footprints: Mapping[str, Footprint], code: int, *, as_json: bool) -> None:
    """Write the plan and what it is predicted to cost; a model without a footprint does not fit."""
    memory = [_memory(job, footprints) for job in todo.jobs]
    if as_json:
        for job, needed in zip(todo.jobs, memory, strict=True):
            console.emit_json(_planned(job, needed))
        console.emit_json({"type": "summary", "jobs": len(todo.jobs), "tflop": todo.tflop, "exit": code})
        return
    console.emit_table(*_table(todo, memory))
    tell_footprints(footprints)
    jobs = len(todo.jobs)
    console.note(f"{jobs} picture{'s' * (jobs != 1)}, {console.significant(todo.tflop)} TFLOP")


def tell_footprints(footprints: Mapping[str, Footprint]) -> None:
    for model, footprint in footprints.items():
        console.note(f"{model}: {footprint}")


def _table(todo: Plan, memory: Sequence[int | None]) -> tuple[list[str], list[list[object]]]:
    columns = ["picture", "size", "steps", "tokens", "TFLOP", "memory"]
    rows: list[list[object]] = [
        [
            job.name,
            str(job.scene.canvas),
            job.steps,
            job.cost.tokens,
            job.cost.tflop,
            "too much" if needed is None else gibibytes(needed),
        ]
        for job, needed in zip(todo.jobs, memory, strict=True)
    ]
    if any(job.scene.source.values for job in todo.jobs):
        columns.append("matrix")
        for job, row in zip(todo.jobs, rows, strict=True):
            row.append(", ".join(f"{name}={value}" for name, value in job.scene.source.values))
    return columns, rows


def _memory(job: Job, footprints: Mapping[str, Footprint]) -> int | None:
    footprint = footprints.get(job.recipe.model.name)
    return None if footprint is None else footprint.needed_for(job.cost.bytes)


def _planned(job: Job, memory: int | None) -> dict[str, Any]:
    """A job of a dry run as a JSON line."""
    return {
        "type": "job",
        "status": "planned",
        "scene": job.scene.name,
        "matrix": dict(job.scene.source.values),
        "seed": job.seed,
        "job": job.id,
        "width": job.scene.canvas.width,
        "height": job.scene.canvas.height,
        "steps": job.steps,
        "tokens": job.cost.tokens,
        "tflop": job.cost.tflop,
        "bytes": memory,
        "model": job.recipe.model.name,
    }
