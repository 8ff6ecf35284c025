"""One process or many, one host or many: whoever made the plan lays it out, tells how it goes, and ends the run.

the plan's process   makes the plan, hears all ranks, supervises those of its host
a supervisor         one on every other place that a launcher started: takes jobs for its ranks
a rank               a process that paints
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contextgen_cli.batch import claims
from contextgen_cli.batch.hosts.followers import HEARTBEAT, Followers
from contextgen_cli.batch.hosts.launcher_env import NO_LAUNCHER, PATIENCE, LauncherEnv, open_store
from contextgen_cli.batch.hosts.sealing import run_key
from contextgen_cli.batch.hosts.torch_store import TorchJobStore
from contextgen_cli.batch.job_store import FAILED, INTERRUPTED, NOW, OVER, JobStore
from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.rank import MakeRenderer, RankPlace
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.supervisor import Supervisor
from contextgen_cli.batch.worker import UNDONE, JobOptions, Listener, Outcome, Renderer, work
from contextgen_cli.errors import Cancelled, EnvironmentProblem

Interrupted = Callable[[], bool]  # whether to begin no other picture; raises Cancelled to finish none either
FINISHING = "finishing the pictures at work; interrupt once more to stop now"
_POLL = 0.1  # seconds between two looks at what changed elsewhere


@dataclass(frozen=True)
class Topology:
    """How many paint: so many ranks here, among those that a launcher started; 0: this process itself, alone."""

    processes: int
    launcher: LauncherEnv = NO_LAUNCHER

    @property
    def ranks(self) -> int:
        return max(1, self.processes) * self.launcher.size

    @property
    def ranks_here(self) -> int:
        """Those of this host."""
        return self.launcher.local_size if self.launcher.size > 1 else max(1, self.processes)

    @property
    def places(self) -> list[RankPlace]:
        """Those of this host's supervisor."""
        launcher, here = self.launcher, self.ranks_here
        if launcher.size > 1:
            return [RankPlace(launcher.rank, launcher.size, launcher.local_rank, here)]
        return [RankPlace(number, here, number, here) for number in range(here)]


class Ranks(Protocol):
    """Those who paint, as the plan's process sees them."""

    @property
    def ended(self) -> bool:
        """Whether none is left."""

    def turn(self, seconds: float) -> None:
        """Attend to them; wait so long where nothing happens.

        Raises:
            EnvironmentProblem: they die before they paint anything, or the ledger cannot be written.
        """

    def kill(self) -> None:
        """End them at once; a picture at work is lost."""


class Engine(Protocol):
    """Where jobs come from, and who paints them and how."""

    @property
    def job_store(self) -> JobStore: ...
    @property
    def job_options(self) -> JobOptions: ...
    @property
    def followers(self) -> Followers | None:
        """Supervisors that are no children of this process."""

    def start(self, tell: Callable[[Event], None]) -> Ranks: ...
    def hear(self) -> Iterator[Event]:
        """What those said who are not among these ranks, since this was asked last."""


@dataclass(frozen=True)
class LocalEngine:
    """Ranks that are processes of this host; with a launcher, others have their own."""

    topology: Topology
    job_store: JobStore
    make_renderer: MakeRenderer
    job_options: JobOptions

    @property
    def followers(self) -> Followers | None:
        if not isinstance(self.job_store, TorchJobStore):
            return None
        return Followers(self.job_store, self.topology.launcher)

    def start(self, tell: Callable[[Event], None]) -> Supervisor:
        return Supervisor(self.job_store, self.make_renderer, self.job_options, self.topology.places, tell)

    def hear(self) -> Iterator[Event]:
        return self.job_store.hear()


def open_launched_store(launcher: LauncherEnv, folder: Path, stopped: Interrupted = lambda: False) -> TorchJobStore:
    """The store through which all of a launcher's ranks get their jobs; its seal's key may lie in the output folder.

    Raises:
        EnvironmentProblem: the store cannot be reached, or the key cannot be read.
        UsageError: the key in the environment is too short.
    """
    leading = launcher.rank == 0
    store = open_store(launcher)
    key = run_key(folder, make=leading, patience=PATIENCE.total_seconds(), stopped=stopped)
    return TorchJobStore(store, key, leading=leading)


def run_in_process(
    status: PlanStatus, renderer: Renderer, job_options: JobOptions, listener: Listener, interrupted: Interrupted
) -> Iterator[Outcome]:
    """Do the jobs in this process.

    Raises:
        EnvironmentProblem: no other job would fare better.
        Cancelled: asked to stop, after the pictures at work or at once.
    """
    jobs = _Queue(status.todo.jobs, interrupted, job_options.max_failures)
    try:
        for outcome in work(jobs, renderer, job_options, _Interruptible(listener, interrupted)):
            jobs.failures += outcome.status in UNDONE
            yield outcome
    finally:
        claims.tidy(job_options.shared_folder)


def run_on_ranks(engine: Engine, status: PlanStatus, listener: Listener, interrupted: Interrupted) -> Iterator[Outcome]:
    """Do the jobs in several processes; this one tells how it goes.

    Raises:
        EnvironmentProblem: no other job would fare better.
        Cancelled: asked to stop, after the pictures at work or at once.
    """
    events: deque[Event] = deque()
    job_store = engine.job_store
    for job_id, times in status.crashes.items():
        job_store.crashed(job_id, times)
    job_store.publish(status.todo.jobs)
    run = _RunState(job_store, len(status.todo.jobs), engine.job_options, engine.followers)
    ranks = engine.start(events.append)
    try:
        while not run.ended(ranks):
            if interrupted() and job_store.closed is None:
                listener.noticed(FINISHING)
                job_store.close(INTERRUPTED)
            try:
                ranks.turn(_POLL)
            except EnvironmentProblem as problem:
                run.fail(problem)
            run.put_back_lost(listener)
            events.extend(engine.hear())
            while events:
                yield from run.hear(events.popleft(), status, listener)
        for event in engine.hear():
            yield from run.hear(event, status, listener)
    except KeyboardInterrupt:
        job_store.close(NOW)
        raise
    except EnvironmentProblem:
        with contextlib.suppress(EnvironmentProblem):
            job_store.close(FAILED)
        raise
    finally:
        ranks.kill()  # only those that an error or a second interruption leaves
        claims.tidy(engine.job_options.shared_folder)
    if run.followers is not None:
        run.followers.wait()
    if run.problem is not None:
        raise run.problem
    if job_store.closed == INTERRUPTED:
        raise Cancelled


class _Queue:
    """A plan's jobs, until the run is interrupted or enough of them failed."""

    def __init__(self, jobs: Sequence[Job], interrupted: Interrupted, max_failures: int | None) -> None:
        self._left = deque(jobs)
        self._interrupted = interrupted
        self._max_failures = max_failures
        self.failures = 0

    def __iter__(self) -> Iterator[Job]:
        while self._left:
            if self._interrupted():
                raise Cancelled
            if self._max_failures is not None and self.failures >= self._max_failures:
                return
            yield self._left.popleft()

    def put_back(self, job: Job) -> None:
        self._left.append(job)


class _Interruptible:
    """A listener that says, with the next step of the picture at work, what becomes of an interruption."""

    def __init__(self, listener: Listener, interrupted: Interrupted) -> None:
        self._listener = listener
        self._interrupted = interrupted
        self._said = False
        self.started = listener.started
        self.opening = listener.opening
        self.job_finished = listener.job_finished
        self.noticed = listener.noticed

    def job_started(self, job: Job, rank: int) -> None:
        if self._interrupted():
            raise Cancelled  # while the model was opened: nothing is begun
        self._listener.job_started(job, rank)

    def step(self, job: Job, done: int, rank: int) -> None:
        self._listener.step(job, done, rank)
        if self._interrupted() and not self._said:
            self._said = True
            self.noticed(FINISHING)


@dataclass
class _RunState:
    """What the plan's process knows of the run."""

    job_store: JobStore
    jobs: int
    job_options: JobOptions
    followers: Followers | None = None
    finished: set[int] = field(default_factory=set)
    failures: int = 0
    problem: EnvironmentProblem | None = None
    at_work: dict[int, int] = field(default_factory=dict)  # the job that each rank has

    def hear(self, event: Event, status: PlanStatus, listener: Listener) -> Iterator[Outcome]:
        """Pass on what a rank tells."""
        match event.kind:
            case "put back":
                self.at_work.pop(event.rank, None)
            case "taken":
                self.at_work[event.rank] = event.position
            case "opening":
                listener.opening(status.todo.jobs[event.position], event.rank)
            case "started":
                listener.job_started(status.todo.jobs[event.position], event.rank)
            case "step":
                listener.step(status.todo.jobs[event.position], event.step, event.rank)
            case "noticed":
                listener.noticed(event.text)
            case "problem":
                assert event.problem is not None
                self.at_work.pop(event.rank, None)
                self.fail(event.problem)
            case "finished":
                yield from self._finish(event, listener)

    def _finish(self, event: Event, listener: Listener) -> Iterator[Outcome]:
        assert event.outcome is not None
        self.at_work.pop(event.rank, None)
        if event.position in self.finished:
            return  # by a rank that was taken for lost
        self.finished.add(event.position)
        listener.job_finished(event.outcome)
        yield event.outcome
        self.failures += event.outcome.status in UNDONE
        limit = self.job_options.max_failures
        if len(self.finished) == self.jobs or (limit is not None and self.failures >= limit):
            self.job_store.close(OVER)

    def fail(self, problem: EnvironmentProblem) -> None:
        self.problem = self.problem or problem
        self.job_store.close(FAILED)

    def ended(self, ranks: Ranks) -> bool:
        if len(self.finished) == self.jobs:
            self.job_store.close(OVER)
            return ranks.ended
        others_ended = self.followers is None or self.followers.ended
        return ranks.ended and self.job_store.closed is not None and others_ended

    def put_back_lost(self, listener: Listener) -> None:
        """Hand what a lost host had to another."""
        if self.followers is not None:
            for said in self.followers.put_back_lost(self.at_work, set(range(self.jobs)) - self.finished):
                listener.noticed(said)


def supervise(engine: LocalEngine, interrupted: Interrupted) -> None:
    """Supervise a rank whose plan another process makes and tells.

    Raises:
        EnvironmentProblem: that process cannot be reached, or no job would fare well here.
        Cancelled: asked to stop, after the pictures at work or at once.
    """
    job_store, rank = engine.job_store, engine.topology.launcher.rank
    assert isinstance(job_store, TorchJobStore), "only a launcher's processes follow"
    job_store.beat(rank)
    job_store.wait_for_plan(interrupted)
    ranks = engine.start(job_store.tell)
    beaten = 0.0
    try:
        while (why := job_store.closed) is None or not ranks.ended:
            if interrupted():
                job_store.close(INTERRUPTED)
            if time.monotonic() - beaten >= HEARTBEAT:
                beaten = time.monotonic()
                job_store.beat(rank)
            ranks.turn(2 * _POLL)
    except EnvironmentProblem as problem:
        with contextlib.suppress(EnvironmentProblem):
            job_store.tell(Event("problem", rank, problem=problem))
        raise
    finally:
        ranks.kill()
        with contextlib.suppress(EnvironmentProblem):
            job_store.leave(rank)
    if interrupted():
        raise Cancelled
    if why == FAILED:
        raise EnvironmentProblem("another process ended the run with an error", hint="Process 1 says which.")
