"""What a run says of its plan and of its jobs: words for a person, paths or JSON lines for a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contextgen_cli import console
from contextgen_cli.batch.plan import Job, Plan
from contextgen_cli.batch.worker import Outcome, Status
from contextgen_cli.devices import gibibytes
from contextgen_cli.errors import EXIT_DONE, ContextgenError
from contextgen_cli.progress import duration


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Write an outcome's data to standard output, and what a person should know of it to standard error."""
    if outcome.error is not None:
        _tell_failure(outcome)
    if outcome.evades is not None:
        console.note(f"{outcome.evades} is another job's picture; wrote {outcome.path}")
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


def show_plan(todo: Plan, *, as_json: bool) -> None:
    """Write the plan and what it is predicted to cost."""
    total = {"jobs": len(todo.jobs), "tflop": todo.tflop}
    if as_json:
        for job in todo.jobs:
            console.emit_json(_planned(job))
        console.emit_json({"type": "summary", **total, "exit": EXIT_DONE})
        return
    rows = [
        (
            job.name,
            str(job.scene.canvas),
            job.steps,
            job.cost.tokens,
            job.cost.tflop,
            gibibytes(job.cost.bytes),
        )
        for job in todo.jobs
    ]
    console.emit_table(("picture", "size", "steps", "tokens", "TFLOP", "memory"), rows)
    console.note(f"{len(todo.jobs)} pictures, {todo.tflop:,.4g} TFLOP")


def _planned(job: Job) -> dict[str, Any]:
    """A job of a dry run as a JSON line."""
    return {
        "type": "job",
        "status": "planned",
        "scene": job.scene.name,
        "seed": job.seed,
        "job": job.id,
        "width": job.scene.canvas.width,
        "height": job.scene.canvas.height,
        "steps": job.steps,
        "tokens": job.cost.tokens,
        "tflop": job.cost.tflop,
        "bytes": job.cost.bytes,
        "model": job.recipe.model.name,
    }
