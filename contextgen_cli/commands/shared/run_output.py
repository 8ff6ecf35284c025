"""A run on the terminal: its progress while it paints, and what went wrong. The verbs that paint add their results."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from contextgen_cli.app.listener import Forecast, RunSummary
from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.worker import Listener, Outcome, Overview
from contextgen_cli.errors import JobError
from contextgen_cli.models.devices import Footprint
from contextgen_cli.terminal import console, progress
from contextgen_cli.terminal.sink import Output

if TYPE_CHECKING:
    from typing_extensions import Self


class RunOutput:
    """A `RunListener` that shows progress in one of `progress.MODES`; the display is gone when the block ends."""

    def __init__(self, sink: Output, mode: str) -> None:
        self.sink = sink
        self._mode = mode
        self._shown = contextlib.ExitStack()
        self._display: Listener = progress.Silence()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.close()

    def warned(self, text: str) -> None:
        console.warn(text)

    def noted(self, text: str) -> None:
        console.note(text)

    def planned(self, forecast: Forecast) -> None:
        tell_footprints(forecast.footprints)

    def started(self, overview: Overview) -> None:
        self._display = self._shown.enter_context(progress.display(self._mode))
        self._display.started(overview)

    def opening(self, job: Job, rank: int) -> None:
        self._display.opening(job, rank)

    def job_started(self, job: Job, rank: int) -> None:
        self._display.job_started(job, rank)

    def step(self, job: Job, done: int, rank: int) -> None:
        self._display.step(job, done, rank)

    def job_finished(self, outcome: Outcome) -> None:
        self._display.job_finished(outcome)

    def noticed(self, text: str) -> None:
        self._display.noticed(text)

    def result(self, outcome: Outcome) -> None: ...

    def ended(self, summary: RunSummary) -> None:
        self._shown.close()
        if summary.problem is not None:
            console.error(summary.problem)
        if summary.cancelled:
            console.note("interrupted: the same command goes on")


def tell_footprints(footprints: Mapping[str, Footprint]) -> None:
    """Say what memory each model takes."""
    for model, footprint in footprints.items():
        console.note(f"{model}: {footprint}")


def tell_failure(outcome: Outcome, reason: Reason) -> None:
    """Say why a job came to nothing; a bug leaves its log."""
    if outcome.trace is not None:
        console.report_bug(f"{reason.kind}: {reason.message}", outcome.trace, about=outcome.job.name)
    else:
        console.error(JobError(reason.message, hint=reason.hint), about=outcome.job.name)
