"""Pictures -> the same pictures again, for any front end: `ReplayRun` does the jobs that recall finds, and compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contextgen_cli.app.cancellation import Cancellation
from contextgen_cli.app.comparison import Comparison, Verdict, changes, compare
from contextgen_cli.app.listener import RunListener, RunSummary, Tally
from contextgen_cli.app.planned_run import PlannedRun, warn_of_no_locks
from contextgen_cli.app.recall import Replay, job_of, recall_all, refuse_originals, settings_for
from contextgen_cli.batch.launch import Topology
from contextgen_cli.batch.plan import Job, Plan, job_record
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import JobOptions, Outcome
from contextgen_cli.errors import EXIT_DONE, ContextgenError, UsageError
from contextgen_cli.models import catalogue
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.records.inputs import Finder
from contextgen_cli.records.output import Destination


class ReplayListener(RunListener, Protocol):
    """Hears what a run tells, and how each picture came out; pictures of one model are one run."""

    def replayed(self, replayed: Replayed) -> None:
        """A picture was painted again, or could not be."""


@dataclass(frozen=True)
class Replayed:
    """What became of a replay; there is no comparison where there is no new picture."""

    replay: Replay
    outcome: Outcome
    comparison: Comparison | None = None
    changed: tuple[str, ...] = ()  # versions, in words

    @classmethod
    def of(cls, replay: Replay, outcome: Outcome) -> Replayed:
        """Hold the new picture against the old one."""
        if outcome.path is None:
            return cls(replay, outcome)
        changed = changes(replay.remembered.versions, job_record(outcome.job)["versions"])
        return cls(replay, outcome, compare(replay.picture, outcome.path), tuple(changed))

    @property
    def verdict(self) -> Verdict:
        """Whether it is the same picture."""
        return Verdict.FAILED if self.comparison is None else self.comparison.verdict


class ReplayRun:
    """Pictures painted again. The steps are called in the order in which they stand here.

    Args:
        asked: where the models are and compute; all else is in the records.
        listener: hears how it goes.
        renderer_for: makes the renderer of a model and the settings that its pictures remember.
    """

    def __init__(
        self,
        asked: Settings,
        listener: ReplayListener,
        renderer_for: Callable[[Settings], ModelRenderer] = ModelRenderer,
    ) -> None:
        self._asked, self._listener, self._renderer_for = asked, listener, renderer_for
        self._batches: dict[Settings, _Batch] = {}
        self._pictures: list[Path] = []
        self._cancellation = Cancellation()

    # 1. Read every record, and find its files and its model.

    def plan(self, pictures: Sequence[Path], finder: Finder) -> list[ContextgenError]:
        """Plan the replay of every picture; what keeps any from it is returned, and nothing is to be painted then."""
        self._pictures = list(pictures)
        replays, problems = recall_all(pictures, finder)
        for replay in replays:
            try:
                self._add(replay)
            except ContextgenError as problem:
                problems.append(problem)
        return problems

    def _add(self, replay: Replay) -> None:
        settings = settings_for(replay, self._asked, catalogue.aliases())
        if settings not in self._batches:
            self._batches[settings] = _Batch(self._renderer_for(settings))
        job = self._batches[settings].add(replay)
        if job.id != replay.remembered.job:
            words = "this version of contextgen computes in another way: pixels may differ"
            self._listener.warned(f"{replay.picture}: {words}")

    # 2. Refuse to write over the originals, or nowhere.

    def prepare(self, destination: Destination) -> None:
        """
        Raises:
            UsageError: the replays have no place there.
            OutputError: it cannot be written to.
        """
        if destination.to_stdout:
            raise UsageError("a replay needs a file to compare", hint="Give a folder with -o.")
        jobs = [job for batch in self._batches.values() for job in batch.jobs]
        destination.check(len(jobs))
        refuse_originals([destination.place(job.scene.name, job.seed, job.id).path for job in jobs], self._pictures)
        destination.refuse_another(jobs[0].id)
        warn_of_no_locks(destination, self._listener)
        self._destination = destination

    # 3. Paint, and compare.

    def paint(self) -> int:
        """Do every replay, model by model, until one ends them all; returns the exit code of that, or 0."""
        for settings, batch in self._batches.items():
            run = batch.planned(settings, self._destination)
            forecast = run.forecast()
            self._listener.planned(forecast)
            listener = _Comparing(self._listener, batch.replays)
            if forecast.problem is not None:
                summary = RunSummary(Tally(len(batch.jobs)), 0.0, batch.renderer.device, problem=forecast.problem)
                listener.ended(summary)
            else:
                summary = run.carry_out(listener, self._cancellation)
            if summary.problem is not None or summary.cancelled:
                return summary.exit_code
        return EXIT_DONE

    def cancel(self, *, at_once: bool = False) -> None:
        """Stop after the picture at work, or `at_once`, between two of its steps; from any thread, at any time."""
        self._cancellation.ask(at_once=at_once)


@dataclass
class _Batch:
    """What one renderer paints: jobs, each with the pictures that it once came to."""

    renderer: ModelRenderer
    replays: dict[str, list[Replay]] = field(default_factory=lambda: defaultdict(list))
    jobs: list[Job] = field(default_factory=list)

    def add(self, replay: Replay) -> Job:
        job = job_of(replay, self.renderer)
        if job.id not in self.replays:
            self.jobs.append(job)
        self.replays[job.id].append(replay)
        return job

    def planned(self, settings: Settings, destination: Destination) -> PlannedRun:
        todo = Plan(tuple(self.jobs))
        options = JobOptions(destination, self._record_of, fresh=True)
        return PlannedRun(PlanStatus(todo, todo), self.renderer, settings, options, Topology(0))

    def _record_of(self, job: Job) -> Mapping[str, object]:
        return self.replays[job.id][0].record_of(job_record(job))


class _Comparing:
    """Passes on what a run tells, and every outcome with the pictures that it is held against."""

    def __init__(self, listener: ReplayListener, replays: Mapping[str, Sequence[Replay]]) -> None:
        self._listener, self._replays = listener, replays
        self.warned, self.planned, self.ended = listener.warned, listener.planned, listener.ended
        self.started, self.opening, self.job_started = listener.started, listener.opening, listener.job_started
        self.step, self.job_finished, self.noticed = listener.step, listener.job_finished, listener.noticed
        self.noted = listener.noted

    def result(self, outcome: Outcome) -> None:
        self._listener.result(outcome)
        for replay in self._replays[outcome.job.id]:
            self._listener.replayed(Replayed.of(replay, outcome))
