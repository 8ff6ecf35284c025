"""What a run says of its plan and of its jobs: words for a person, paths or JSON lines for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.plan import Job, job_record
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import UNDONE, Outcome, Status
from contextgen_cli.errors import ContextgenError, JobError
from contextgen_cli.models.devices import Footprint, gibibytes
from contextgen_cli.records.output import read_record
from contextgen_cli.records.recording import changes
from contextgen_cli.terminal import console
from contextgen_cli.terminal.progress import duration

_MOST_NAMED = 10  # of the jobs that are left alone
_PREVIEW_COLUMNS = 40
_PREVIEW_MARGIN = 4  # rows: the path, the summary and the prompt


@dataclass
class Tally:
    """What became of a run's jobs so far."""

    jobs: int
    counts: Counter[Status] = field(default_factory=Counter)
    painting: float = 0.0  # seconds, all ranks' together
    peak_bytes: int = 0

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome.status] += 1
        if not outcome.earlier:
            self.painting += outcome.seconds
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes or 0)

    @property
    def undone(self) -> bool:
        """Whether there are jobs of which nothing came."""
        return any(self.counts[status] for status in UNDONE)


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Write an outcome's data to standard output, and what a person should know of it to standard error."""
    if outcome.reason is not None and not outcome.earlier:
        tell_failure(outcome, outcome.reason)
    if outcome.evades is not None and outcome.path is not None:
        console.note(f"{outcome.evades} is another job's picture; wrote {outcome.path}{_changed(outcome)}")
    if outcome.repaired:
        console.note(f"{outcome.path} was not whole: rendered again")
    if as_json:
        console.emit_json(_as_record(outcome))
    elif outcome.png is not None:
        console.emit_bytes(outcome.png)
    elif outcome.path is not None:
        console.emit(str(outcome.path))


def tell_set_aside(outcomes: Sequence[Outcome]) -> None:
    """Name the jobs that an earlier run could not do, and that this one left alone."""
    if not outcomes:
        return
    kinds = [f"{count} {status.value}" for status, count in Counter(each.status for each in outcomes).items()]
    console.warn(f"left alone, as an earlier run ended: {', '.join(kinds)}; try again with --retry-failed")
    for outcome in outcomes[:_MOST_NAMED]:
        console.note(f"  {outcome.job.name}: {outcome.reason.message if outcome.reason else outcome.status.value}")
    if len(outcomes) > _MOST_NAMED:
        console.note(f"  and {len(outcomes) - _MOST_NAMED} more")


def sum_up(tally: Tally, seconds: float, device: str, code: int, *, as_json: bool) -> None:
    """Write how a run ended."""
    rendered = tally.counts[Status.RENDERED]
    pace = 60 * rendered / seconds if rendered and seconds else None
    if as_json:
        words = {status.value: tally.counts[status] for status in Status}
        console.emit_json(
            {
                "type": "summary",
                "jobs": tally.jobs,
                **words,
                "seconds": round(seconds, 3),
                "per_minute": None if pace is None else round(pace, 3),
                "device_seconds": round(tally.painting, 3),
                "peak_bytes": tally.peak_bytes or None,
                "exit": code,
            }
        )
        return
    parts = [f"{tally.counts[status]} {status.value}" for status in Status if tally.counts[status]]
    unfinished = tally.jobs - sum(tally.counts.values())
    parts += [f"{unfinished} left undone"] * bool(unfinished) or ["nothing to do"] * (not parts)
    details = [f"in {duration(seconds)}"]
    if rendered > 1 and pace is not None:
        kind = "GPU seconds" if device.startswith("cuda") else "seconds of painting"
        details[0] += f": {console.significant(pace)} a minute"
        details += [f"{console.significant(tally.painting)} {kind}"]
    if rendered and tally.peak_bytes:
        details += [f"{gibibytes(tally.peak_bytes)} at the most"]
    console.note(f"{', '.join(parts)} {', '.join(details)}")


def _changed(outcome: Outcome) -> str:
    """What sets the job apart from that of the picture whose name it evades."""
    assert outcome.evades is not None
    try:
        found = changes(read_record(outcome.evades), job_record(outcome.job))
    except (ContextgenError, KeyError, TypeError, AttributeError):  # no picture of ours, or of another version
        return ""
    return f" (changed: {', '.join(found)})" if found else ""


def preview(path: Path) -> None:
    """Draw a picture on the terminal, small, where that shows it."""
    if not console.shows_pictures():
        return
    from PIL import Image

    from contextgen_cli.terminal.previews import blocks

    columns, rows = console.size()
    with Image.open(path) as picture:
        console.show(blocks(picture, min(columns, _PREVIEW_COLUMNS), rows - _PREVIEW_MARGIN))


def tell_failure(outcome: Outcome, reason: Reason) -> None:
    """Say why a job came to nothing; a bug leaves its log."""
    if outcome.trace is not None:
        console.report_bug(f"{reason.kind}: {reason.message}", outcome.trace, about=outcome.job.name)
    else:
        console.error(JobError(reason.message, hint=reason.hint), about=outcome.job.name)


def _as_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome as a JSON line."""
    job = outcome.job
    return {
        "type": "job",
        "status": outcome.status.value,
        "scene": job.scene.name,
        "seed": job.seed,
        "job": job.id,
        "path": None if outcome.path is None else str(outcome.path),
        "seconds": round(outcome.seconds, 3),
        "rank": outcome.rank,
        "earlier": outcome.earlier,
        "error": None if outcome.reason is None else outcome.reason.to_record(),
    }


def show_plan(there: PlanStatus, footprints: Mapping[str, Footprint], ranks: int, code: int, *, as_json: bool) -> None:
    """Write the plan, what there is of it, and what the rest is predicted to cost; a job to do whose model has no
    footprint does not fit."""
    states = [*((job, None) for job in there.todo.jobs), *((each.job, each) for each in there.done + there.set_aside)]
    place = {id(job): number for number, job in enumerate(there.whole.jobs)}
    states.sort(key=lambda state: place[id(state[0])])
    seconds = there.todo.tflop / there.past.pace / max(1, ranks) if there.past.pace else None
    if as_json:
        for job, outcome in states:
            console.emit_json(_planned(job, outcome, _memory(job, footprints)))
        console.emit_json(
            {
                "type": "summary",
                "jobs": len(states),
                "todo": len(there.todo.jobs),
                "skipped": len(there.done),
                "set_aside": len(there.set_aside),
                "tflop": there.todo.tflop,
                "seconds": seconds,
                "exit": code,
            }
        )
        return
    console.emit_table(*_table(states, footprints), yielding=["picture", "matrix"])
    tell_footprints(footprints)
    console.note(f"{_amount(there)}, {console.significant(there.todo.tflop)} TFLOP{_predicted(seconds)}")


def _amount(there: PlanStatus) -> str:
    jobs = len(there.whole.jobs)
    parts = [f"{len(there.done)} done"] * bool(there.done) + [f"{len(there.set_aside)} set aside"] * bool(
        there.set_aside
    )
    words = f"{jobs} picture{'s' * (jobs != 1)}"
    return f"{words}: {', '.join([*parts, f'{len(there.todo.jobs)} to do'])}" if parts else words


def _predicted(seconds: float | None) -> str:
    return f", about {duration(seconds)} at the pace of earlier runs" if seconds else ""  # nothing to do takes none


def tell_footprints(footprints: Mapping[str, Footprint]) -> None:
    for model, footprint in footprints.items():
        console.note(f"{model}: {footprint}")


def _table(
    states: Sequence[tuple[Job, Outcome | None]], footprints: Mapping[str, Footprint]
) -> tuple[list[str], list[list[object]]]:
    columns = ["picture", "size", "steps", "tokens", "TFLOP", "memory"]
    rows: list[list[object]] = []
    for job, outcome in states:
        needed = _memory(job, footprints)
        unknown = "too much" if outcome is None else "-"
        memory = unknown if needed is None else gibibytes(needed)
        rows.append([job.name, str(job.scene.canvas), job.steps, job.cost.tokens, job.cost.tflop, memory])
    if any(outcome for _, outcome in states):
        columns.append("state")
        for (_, outcome), row in zip(states, rows, strict=True):
            row.append("to do" if outcome is None else _state(outcome))
    if any(job.scene.source.values for job, _ in states):
        columns.append("matrix")
        for (job, _), row in zip(states, rows, strict=True):
            row.append(", ".join(f"{name}={value}" for name, value in job.scene.source.values))
    return columns, rows


def _state(outcome: Outcome) -> str:
    return "done" if outcome.status is Status.SKIPPED else outcome.status.value


def _memory(job: Job, footprints: Mapping[str, Footprint]) -> int | None:
    footprint = footprints.get(job.recipe.model.name)
    return None if footprint is None else footprint.needed_for(job.cost.bytes)


def _planned(job: Job, outcome: Outcome | None, memory: int | None) -> dict[str, Any]:
    """A job of a dry run as a JSON line."""
    return {
        "type": "job",
        "status": "planned" if outcome is None else outcome.status.value,
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
