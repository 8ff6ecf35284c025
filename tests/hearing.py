"""A listener for runs without a command line."""

from __future__ import annotations

from collections.abc import Callable

from contextgen_cli.app.listener import Forecast, RunSummary


class Hearing:
    """A listener that notes what it hears, and does something when it hears `at`."""

    def __init__(self, at: str = "", do: Callable[[], None] = lambda: None) -> None:
        self.heard: list[str] = []
        self.forecast: Forecast | None = None
        self.summary: RunSummary | None = None
        self._at, self._do = at, do

    def _hear(self, event: str) -> None:
        self.heard.append(event)
        if event == self._at:
            self._do()

    def noted(self, text): ...

    def warned(self, text):
        self._hear(f"warned: {text}")

    def planned(self, forecast):
        self.forecast = forecast
        self._hear("planned")

    def started(self, overview):
        self._hear(f"started {overview.jobs - overview.done} of {overview.jobs}")

    def opening(self, job, rank):
        self._hear(f"opening for {job.name}")

    def job_started(self, job, rank):
        self._hear(f"{job.name} started")

    def step(self, job, done, rank):
        self._hear(f"{job.name} step {done}")

    def job_finished(self, outcome):
        self._hear(f"{outcome.job.name} finished")

    def noticed(self, text):
        self._hear(f"noticed: {text}")

    def result(self, outcome):
        self._hear(f"{outcome.job.name} {outcome.status.value}")

    def ended(self, summary):
        self.summary = summary
        self._hear("ended")
