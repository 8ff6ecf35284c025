"""One process or many, one host or many: whoever made the plan lays it out, tells how it goes, and ends the run.

the plan's process   makes the plan, hears all ranks, supervises those of its host
a supervisor         one on every other place that a launcher started: takes jobs for its ranks
a rank               a process that paints
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from contextgen_cli.batch.job_store import INTERRUPTED, NOW, OVER, JobStore
from contextgen_cli.batch.launcher_env import NO_LAUNCHER, LauncherEnv, open_store
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
_HEARTBEAT = 5.0  # between two signs of life of a supervisor
_LOST_AFTER = 60.0  # without one, after which a supervisor and the host around it are given up
_PARTING = 10.0  # for the others to hear that all is over


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


@dataclass(frozen=True)
class RankPool:
    """The ranks as each of their supervisors needs them: where they are, where jobs come from, who paints and how."""

    topology: Topology
    job_store: JobStore
    make_renderer: MakeRenderer
    job_options: JobOptions

    def supervisor(self, tell: Callable[[Event], None]) -> Supervisor:
        """Start those of this host."""
        return Supervisor(self.job_store, self.make_renderer, self.job_options, self.topology.places, tell)


def open_job_store(topology: Topology) -> JobStore:
    """The store through which all ranks get their jobs."""
    if topology.launcher.size > 1:
        return JobStore(open_store(topology.launcher))
    from torch.distributed import HashStore  # type: ignore[attr-defined]

    return JobStore(HashStore(), shared=False)


def run_in_process(
    status: PlanStatus, renderer: Renderer, job_options: JobOptions, listener: Listener, interrupted: Interrupted
) -> Iterator[Outcome]:
    """Do the jobs in this process.

    Raises:
        EnvironmentProblem: no other job would fare better.
        Cancelled: asked to stop, after the pictures at work or at once.
    """
    failures = 0

    def jobs() -> Iterator[Job]:
        for job in status.todo.jobs:
            if interrupted():
                raise Cancelled
            if job_options.max_failures is not None and failures >= job_options.max_failures:
                return
            yield job

    for outcome in work(jobs(), renderer, job_options, _Interruptible(listener, interrupted)):
        failures += outcome.status in UNDONE
        yield outcome


def run_on_ranks(pool: RankPool, status: PlanStatus, listener: Listener, interrupted: Interrupted) -> Iterator[Outcome]:
    """Do the jobs in several processes; this one tells how it goes.

    Raises:
        EnvironmentProblem: no other job would fare better.
        Cancelled: asked to stop, after the pictures at work or at once.
    """
    events: deque[Event] = deque()
    job_store = pool.job_store
    for job_id, times in status.crashes.items():
        job_store.crashed(job_id, times)
    job_store.publish(status.todo.jobs)
    run = _RunState(job_store, len(status.todo.jobs), pool.job_options, pool.topology)
    supervisor = pool.supervisor(events.append)
    try:
        while not run.ended(supervisor):
            if interrupted() and job_store.closed is None:
                listener.noticed(FINISHING)
                job_store.close(INTERRUPTED)
            try:
                supervisor.turn(_POLL)
            except EnvironmentProblem as problem:
                run.fail(problem)
            run.check_heartbeats(listener)
            events.extend(job_store.hear())
            while events:
                yield from run.hear(events.popleft(), status, listener)
        for event in job_store.hear():
            yield from run.hear(event, status, listener)
    except KeyboardInterrupt:
        job_store.close(NOW)
        raise
    finally:
        supervisor.kill()  # only those that an error or a second interruption leaves
    run.wait_for_others()
    if run.problem is not None:
        raise run.problem
    if job_store.closed == INTERRUPTED:
        raise Cancelled


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
    topology: Topology
    finished: set[int] = field(default_factory=set)
    failures: int = 0
    problem: EnvironmentProblem | None = None
    at_work: dict[int, int] = field(default_factory=dict)  # the job that each rank has
    alive: dict[int, tuple[int, float]] = field(default_factory=dict)  # the others' signs of life, and when heard
    looked: float = 0.0
    complete: float = field(default_factory=lambda: time.monotonic())  # when no job was missing last

    def hear(self, event: Event, status: PlanStatus, listener: Listener) -> Iterator[Outcome]:
        """Pass on what a rank tells."""
        match event.kind:
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
        self.job_store.close(OVER)

    def ended(self, supervisor: Supervisor) -> bool:
        if len(self.finished) == self.jobs:
            self.job_store.close(OVER)
            return supervisor.ended
        return supervisor.ended and self.job_store.closed is not None and self._others_ended()

    def check_heartbeats(self, listener: Listener) -> None:
        """Put back the job of a supervisor that gives no sign of life: its host is lost."""
        now = time.monotonic()
        if self.topology.launcher.size == 1 or now - self.looked < _HEARTBEAT:
            return
        self.looked = now
        for rank, beats in self.job_store.heartbeats(range(1, self.topology.launcher.size)).items():
            before, heard = self.alive.get(rank, (0, now))
            self.alive[rank] = (beats, heard if beats == before else now)
            if rank in self.at_work and self._lost(rank):
                self.job_store.put_back(self.at_work.pop(rank))
                listener.noticed(f"rank {rank} gives no sign of life: its job is handed to another")
        self._put_back_missing(listener, now)

    def _put_back_missing(self, listener: Listener, now: float) -> None:
        """Put back what somebody took who did not live to tell."""
        missing = set(range(self.jobs)) - self.finished - set(self.at_work.values())
        if not missing or not self.job_store.is_exhausted():
            self.complete = now
        elif now - self.complete > _LOST_AFTER:
            for position in sorted(missing):
                self.job_store.put_back(position)
            lost = "1 job was" if len(missing) == 1 else f"{len(missing)} jobs were"
            listener.noticed(f"{lost} taken by a rank that was not heard of again: handed to another")

    def _lost(self, rank: int) -> bool:
        """Whether a supervisor never came, or was not heard for long."""
        beats, heard = self.alive.get(rank, (0, 0.0))
        return not beats or time.monotonic() - heard > _LOST_AFTER

    def _others_ended(self) -> bool:
        others = set(range(1, self.topology.launcher.size))
        return all(self._lost(rank) for rank in others - self.job_store.gone(others))

    def wait_for_others(self) -> None:
        """Keep the store until the others have heard that all is over; a launcher's outlives us anyhow."""
        others, until = set(range(1, self.topology.launcher.size)), time.monotonic() + _PARTING
        if self.topology.launcher.agent or not others:
            return
        with contextlib.suppress(EnvironmentProblem):
            while self.job_store.gone(others) < others and time.monotonic() < until:
                time.sleep(_POLL)


def supervise(pool: RankPool, interrupted: Interrupted) -> None:
    """Supervise a rank whose plan another process makes and tells.

    Raises:
        EnvironmentProblem: that process cannot be reached, or no job would fare well here.
        Cancelled: asked to stop, after the pictures at work or at once.
    """
    job_store, rank = pool.job_store, pool.topology.launcher.rank
    job_store.beat(rank)
    job_store.wait_for_plan(interrupted)
    supervisor = pool.supervisor(job_store.tell)
    beaten = 0.0
    try:
        while not (supervisor.ended and job_store.closed is not None):
            if interrupted():
                job_store.close(INTERRUPTED)
            if time.monotonic() - beaten >= _HEARTBEAT:
                beaten = time.monotonic()
                job_store.beat(rank)
            supervisor.turn(2 * _POLL)
    except EnvironmentProblem as problem:
        with contextlib.suppress(EnvironmentProblem):
            job_store.tell(Event("problem", rank, problem=problem))
        raise
    finally:
        supervisor.kill()
        with contextlib.suppress(EnvironmentProblem):
            job_store.leave(rank)
    if interrupted():
        raise Cancelled
