"""What `render` says of its plan and of its jobs: words for a person, paths or JSON lines for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contextgen_cli.app.listener import Forecast, RunSummary
from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.plan import Job, job_record
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import Outcome, Status
from contextgen_cli.commands.shared.run_output import RunOutput, tell_failure, tell_footprints
from contextgen_cli.errors import UsageError
from contextgen_cli.models.devices import Footprint, gibibytes
from contextgen_cli.models.numerics import DTYPES
from contextgen_cli.records.picture_file import read_record
from contextgen_cli.records.record import parse_record
from contextgen_cli.records.recording import changes
from contextgen_cli.scene.check.problems import touched
from contextgen_cli.terminal import console
from contextgen_cli.terminal.progress import duration
from contextgen_cli.terminal.sink import Output

_MOST_NAMED = 10  # of the jobs that are left alone
_PREVIEW_COLUMNS = 40
_PREVIEW_MARGIN = 4  # rows: the path, the summary and the prompt


class RenderOutput(RunOutput):
    """Tells a run of `render`; `previews`: a single picture is drawn on the terminal too."""

    def __init__(self, sink: Output, mode: str, *, previews: bool) -> None:
        super().__init__(sink, mode)
        self._previews = previews
        self._picture: Path | None = None
        self.pictures: list[Path] = []
        self._told: set[Reason] = set()

    def planned(self, forecast: Forecast) -> None:
        super().planned(forecast)
        tell_renamed(forecast.status.done)

    def result(self, outcome: Outcome) -> None:
        if outcome.reason is not None and not outcome.earlier and outcome.reason not in self._told:
            self._told.add(outcome.reason)  # of all that it befalls, the first is told at once
            tell_failure(outcome, outcome.reason)
        tell(outcome, self.sink)
        self._picture = outcome.path if outcome.status is Status.RENDERED else None
        self.pictures += [] if outcome.path is None else [outcome.path]

    def ended(self, summary: RunSummary) -> None:
        super().ended(summary)
        if self._previews and summary.tally.jobs == 1 and self._picture is not None:
            preview(self._picture)
        tell_set_aside(summary.set_aside)
        tell_causes(summary.tally.causes)
        sum_up(summary, self.sink)


class PlanOutput(RunOutput):
    """Shows the plan, for a dry run."""

    def planned(self, forecast: Forecast) -> None:
        show_plan(forecast, self.sink)
        if forecast.problem is not None:
            console.error(forecast.problem)


def tell(outcome: Outcome, sink: Output) -> None:
    """Write an outcome's data to standard output, and where it went otherwise than expected to standard error."""
    if outcome.evades is not None and outcome.path is not None:
        console.note(f"{outcome.evades} is the picture of another scene; wrote {outcome.path}")
    if outcome.outdated is not None:
        changed = _changed(outcome.outdated, outcome.job)
        console.note(f"{outcome.path} is new{changed}; the older one is kept as {outcome.outdated}")
    if outcome.repaired:
        console.note(f"{outcome.path} was not whole: rendered again")
    sink.item(_as_record(outcome), text=None if outcome.path is None else str(outcome.path))
    if outcome.png is not None:
        console.emit_bytes(outcome.png)


def tell_renamed(outcomes: Sequence[Outcome]) -> None:
    """Name the pictures that are there, called otherwise than they would be now."""
    renamed = [outcome for outcome in outcomes if outcome.renamed]
    for outcome in renamed[:_MOST_NAMED]:
        console.note(f"{outcome.job.name} is there already, as {outcome.path}")
    if len(renamed) > _MOST_NAMED:
        console.note(f"and {len(renamed) - _MOST_NAMED} more are there under other names")


def tell_set_aside(outcomes: Sequence[Outcome]) -> None:
    """Name the jobs that an earlier run could not do, and that this one left alone."""
    if not outcomes:
        return
    kinds = [f"{count} {status.value}" for status, count in Counter(each.status for each in outcomes).items()]
    console.warn(f"left alone, as an earlier run ended: {', '.join(kinds)}; try again with --retry-failed")
    causes: dict[str, list[str]] = {}
    for outcome in outcomes:
        message = outcome.reason.message if outcome.reason else outcome.status.value
        causes.setdefault(message, []).append(outcome.job.name)
    for message, names in list(causes.items())[:_MOST_NAMED]:
        console.note(f"  {names[0] if len(names) == 1 else touched(names, 'picture')}: {message}")
    if len(causes) > _MOST_NAMED:
        console.note(f"  and {sum(map(len, list(causes.values())[_MOST_NAMED:]))} more")


def tell_causes(causes: Mapping[Reason, Sequence[str]]) -> None:
    """Say which pictures came to nothing for a cause that was told with the first of them."""
    for reason, names in causes.items():
        if len(names) > 1:
            console.warn(f"one cause for {touched(names, 'picture')}: {reason.message}")


def sum_up(summary: RunSummary, sink: Output) -> None:
    """Write how a run ended."""
    tally, seconds = summary.tally, summary.seconds
    rendered = tally.counts[Status.RENDERED]
    pace = 60 * rendered / seconds if rendered and seconds else None
    record = {
        "jobs": tally.jobs,
        **{status.value: tally.counts[status] for status in Status},
        "seconds": round(seconds, 3),
        "per_minute": None if pace is None else round(pace, 3),
        "device_seconds": round(tally.painting, 3),
        "peak_bytes": tally.peak_bytes or None,
        "left_out": summary.left_out,
        "causes": [
            {"error": reason.to_record(), "jobs": len(names), "names": names[:_MOST_NAMED]}
            for reason, names in tally.causes.items()
        ],
    }
    sink.summary(record, text=_in_words(summary, pace), exit_code=summary.exit_code)


def _in_words(summary: RunSummary, pace: float | None) -> str:
    tally = summary.tally
    rendered = tally.counts[Status.RENDERED]
    parts = [f"{tally.counts[status]} {status.value}" for status in Status if tally.counts[status]]
    unfinished = tally.jobs - sum(tally.counts.values())
    parts += [f"{unfinished} left undone"] * bool(unfinished) or ["nothing to do"] * (not parts)
    details = [f"in {duration(summary.seconds)}"]
    if rendered > 1 and pace is not None:
        kind = "GPU seconds" if summary.device.startswith("cuda") else "seconds of painting"
        details[0] += f": {console.significant(pace)} a minute"
        details += [f"{console.significant(tally.painting)} {kind}"]
    if rendered and tally.peak_bytes:
        details += [f"{gibibytes(tally.peak_bytes)} at the most"]
    return f"{', '.join(parts)} {', '.join(details)}{_left_out(summary.left_out)}"


def _left_out(scenes: int) -> str:
    return f"; {scenes:,} scene{'s' * (scenes > 1)} left out" if scenes else ""


def _changed(older: Path, job: Job) -> str:
    """What sets a job apart from that of the picture whose place its own took."""
    try:
        record = read_record(older)
        parse_record(record, older, DTYPES)
    except UsageError:  # of another version
        return ""
    found = changes(record, job_record(job))
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
        "outdated": None if outcome.outdated is None else str(outcome.outdated),
        "seconds": round(outcome.seconds, 3),
        "rank": outcome.rank,
        "earlier": outcome.earlier,
        "error": None if outcome.reason is None else outcome.reason.to_record(),
    }


def show_plan(forecast: Forecast, sink: Output) -> None:
    """Write the plan, what there is of it, and what the rest is predicted to cost; a job to do whose model has no
    footprint does not fit."""
    there, footprints = forecast.status, forecast.footprints
    states = [*((job, None) for job in there.todo.jobs), *((each.job, each) for each in there.done + there.set_aside)]
    place = {id(job): number for number, job in enumerate(there.whole.jobs)}
    states.sort(key=lambda state: place[id(state[0])])
    records = (_planned(job, outcome, _memory(job, footprints)) for job, outcome in states)
    sink.table(records, *_table(states, footprints), yielding=["picture", "matrix"])
    if not sink.as_json:
        tell_footprints(footprints)
    record = {
        "jobs": len(states),
        "todo": len(there.todo.jobs),
        "skipped": len(there.done),
        "set_aside": len(there.set_aside),
        "tflop": there.todo.tflop,
        "seconds": forecast.seconds,
        "left_out": forecast.left_out,
    }
    words = f"{_amount(there)}, {console.significant(there.todo.tflop)} TFLOP{_predicted(forecast.seconds)}"
    words += _left_out(forecast.left_out)
    sink.summary(record, text=words, exit_code=forecast.exit_code)


def _amount(there: PlanStatus) -> str:
    jobs = len(there.whole.jobs)
    parts = [f"{len(there.done)} done"] * bool(there.done) + [f"{len(there.set_aside)} set aside"] * bool(
        there.set_aside
    )
    words = f"{jobs} picture{'s' * (jobs != 1)}"
    return f"{words}: {', '.join([*parts, f'{len(there.todo.jobs)} to do'])}" if parts else words


def _predicted(seconds: float | None) -> str:
    return f", about {duration(seconds)} at the pace of earlier runs" if seconds else ""  # nothing to do takes none


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
    if outcome.renamed and outcome.path is not None:
        return f"done: {outcome.path.name}"
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
