"""A plan -> its pictures: in this process or in many, to the end or until it is cancelled."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from contextgen_cli.app.listener import Forecast, RunListener, RunSummary, Tally
from contextgen_cli.app.rank_renderer import RankRenderer
from contextgen_cli.batch import launch, ledger
from contextgen_cli.batch.job_store import JobStore
from contextgen_cli.batch.launch import Engine, Interrupted, LocalEngine, Topology
from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.picture_group import PictureGroup
from contextgen_cli.batch.rank import MakeRenderer
from contextgen_cli.batch.ray_engine.cluster import RayCluster
from contextgen_cli.batch.ray_engine.engine import RayEngine
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import JobOptions, Listener, Outcome, Overview, Renderer
from contextgen_cli.errors import DeviceError, EnvironmentProblem
from contextgen_cli.models.devices import Footprint
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.models.threads import Threads, choose_threads, compute_with, stated_threads
from contextgen_cli.records.output import Destination


def nothing() -> None:
    """What a front end does first in a process of a rank, if it has nothing to do."""


def warn_of_no_locks(destination: Destination, listener: RunListener) -> None:
    """Say once a run, whatever the number of its processes, that the ledger cannot be kept to one writer at a time."""
    words = ledger.lock_warning(destination.folder) if destination.keeps_ledger else None
    if words is not None:
        listener.warned(words)


@dataclass(frozen=True)
class PlannedRun:
    """All that painting needs."""

    status: PlanStatus
    renderer: ModelRenderer
    settings: Settings
    job_options: JobOptions
    topology: Topology
    set_up: Callable[[], None] = nothing
    job_store: JobStore | None = None  # only where other hosts' processes take part
    ray: RayCluster | None = None  # connected, if it is to paint
    left_out: int = 0  # scenes that were asked for, and are not in the plan

    @property
    def in_this_process(self) -> bool:
        """A single picture, or one for which there is no folder, needs nobody to watch over it."""
        if self.job_store is not None or self.ray is not None:
            return False
        if self.settings.parallel is not None:
            return True
        return (
            self.topology.processes == 0
            or len(self.status.todo.jobs) < 2
            or not self.job_options.destination.keeps_ledger
        )

    @property
    def busy(self) -> Topology:
        """The ranks that there is something to do for."""
        return replace(self.topology, processes=min(self.topology.processes, len(self.status.todo.jobs)))

    @property
    def overview(self) -> Overview:
        """What is about to be done."""
        todo = self.status.todo
        jobs = len(todo.jobs) + len(self.status.done) + len(self.status.set_aside)
        return Overview(jobs, jobs - len(todo.jobs), todo.tflop, 1 if self.in_this_process else self.busy.ranks)

    @property
    def processes_here(self) -> int:
        """How many of this host will paint."""
        if self.settings.parallel is not None:
            return self.settings.parallel.processes
        return 1 if self.in_this_process else self.busy.ranks_here

    @cached_property
    def threads(self) -> Threads:
        """Those of each process here; a launcher's other ranks are no reason for fewer than their share."""
        return choose_threads(self.settings.threads, self.processes_here, looking=self.job_store is None)

    def footprints(self) -> dict[str, Footprint]:
        """The memory that each model will take on this host, by name.

        Raises:
            DeviceError: one cannot fit, or not as often as there are processes here that hold it.
        """
        return self.renderer.footprints(self.status.todo, self.processes_here)

    def forecast(self) -> Forecast:
        """What it will take, also where it cannot be carried out here."""
        try:
            footprints, problem = self.footprints(), None
        except DeviceError as error:
            footprints, problem = {}, error
        return Forecast(self.status, footprints, self.topology.ranks, problem, self.left_out)

    def carry_out(self, listener: RunListener, interrupted: Interrupted) -> RunSummary:
        """Do the jobs and tell every outcome; whatever ends that, there is a summary."""
        began, tally = time.monotonic(), Tally(self.overview.jobs)
        problem, cancelled = None, False
        try:
            listener.started(self.overview)
            painted = self._outcomes(listener, interrupted)
            for outcome in itertools.chain(self.status.done, self.status.set_aside, painted):
                tally.add(outcome)
                listener.result(outcome)
        except EnvironmentProblem as error:
            problem = error
        except KeyboardInterrupt:
            cancelled = True
        seconds, device = time.monotonic() - began, self.renderer.device
        summary = RunSummary(tally, seconds, device, self.status.set_aside, problem, cancelled, self.left_out)
        listener.ended(summary)
        return summary

    def _outcomes(self, listener: Listener, interrupted: Interrupted) -> Iterator[Outcome]:
        if self.ray is None and self.threads.fewer:
            listener.noticed(str(self.threads))
        if self.in_this_process:
            compute_with(self.threads)
            with self._painter() as renderer:
                yield from launch.run_in_process(self.status, renderer, self.job_options, listener, interrupted)
            return
        todo = self.status.todo.most_expensive_first() if self.busy.ranks > 1 else self.status.todo
        status = replace(self.status, todo=todo)
        yield from launch.run_on_ranks(self._engine(), status, listener, interrupted)

    def _engine(self) -> Engine:
        if self.ray is not None:
            return RayEngine(self.ray, self.topology.processes or None, self._make_renderer(), self.job_options)
        return LocalEngine(self.busy, self.job_store or LocalJobStore(), self._make_renderer(), self.job_options)

    def _painter(self) -> contextlib.AbstractContextManager[Renderer]:
        """This process' renderer, with as many beside it as share a picture."""
        sharing = self.settings.parallel
        if sharing is None:
            return contextlib.nullcontext(self.renderer)
        return PictureGroup(self.renderer, self._make_renderer(), sharing.processes)

    def _make_renderer(self) -> MakeRenderer:
        """Ranks are told how many threads they have by who sees them all; of Ray's hosts only they know the CPUs."""
        threads = self.threads.count if self.ray is None else self.settings.threads or stated_threads()
        return RankRenderer(replace(self.settings, threads=threads), self.set_up, self.renderer.presets)
