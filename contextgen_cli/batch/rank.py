"""The body of a rank's process: it asks for a job, does it, tells, and asks for the next.

All it knows of the others is the line to its supervisor, which is a process of the same host. What goes over that
line is pickled, as `multiprocessing` does it, between two processes that trust each other; no file and no network.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING

from contextgen_cli.batch.hosts.launcher_env import VARIABLES
from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import JobOptions, Outcome, Overview, Renderer, work
from contextgen_cli.errors import DeviceLost, EnvironmentProblem

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_FASTEST = 0.1  # seconds between two steps that are told
_RANKS_AT_FASTEST = 16  # more ranks tell less often: whoever displays them must keep up


@dataclass(frozen=True, slots=True)
class RankPlace:
    """A rank's place: its number among all, and here."""

    rank: int
    ranks: int
    local_rank: int = 0
    local_ranks: int = 1


MakeRenderer = Callable[[RankPlace], Renderer]


def serve(line: Connection, make_renderer: MakeRenderer, job_options: JobOptions, place: RankPlace) -> None:
    """Work until the supervisor has no more jobs, or is gone."""
    leave_signals_to_parent()
    end_with_parent()
    for name in VARIABLES:
        os.environ.pop(name, None)
    supervisor = _SupervisorLine(line, place)
    try:
        for _ in work(supervisor, make_renderer(place), job_options, supervisor, place.rank):
            pass  # told already
    except DeviceLost:
        raise  # this process has come to its end; the supervisor starts another
    except EnvironmentProblem as problem:
        supervisor.tell(Event("problem", place.rank, supervisor.position, problem=problem))


class Narrator:
    """Tells what a rank's worker does, as events; how they travel is for those to say who take jobs by it."""

    def __init__(self, place: RankPlace) -> None:
        self.rank = place.rank
        self.position = -1  # of the job at work
        self._pause = _FASTEST * max(1.0, place.ranks / _RANKS_AT_FASTEST)
        self._spoke = 0.0

    def tell(self, event: Event) -> None:
        raise NotImplementedError

    def put_back(self, job: Job) -> None:
        self.tell(Event("put back", self.rank, self.position))

    def started(self, overview: Overview) -> None: ...

    def opening(self, job: Job, rank: int) -> None:
        self.tell(Event("opening", rank, self.position))

    def job_started(self, job: Job, rank: int) -> None:
        self.tell(Event("started", rank, self.position))

    def step(self, job: Job, done: int, rank: int) -> None:
        now = time.monotonic()
        if now - self._spoke >= self._pause:
            self._spoke = now
            self.tell(Event("step", rank, self.position, done))

    def job_finished(self, outcome: Outcome) -> None:
        self.tell(Event("finished", outcome.rank, self.position, outcome=outcome))

    def noticed(self, text: str) -> None:
        self.tell(Event("noticed", self.rank, self.position, text=text))


class _SupervisorLine(Narrator):
    """Asks the supervisor for jobs and tells it how they go."""

    def __init__(self, line: Connection, place: RankPlace) -> None:
        super().__init__(place)
        self._line = line

    def __iter__(self) -> Iterator[Job]:
        while True:
            self.position = -1
            self.tell(Event("ready", self.rank))
            with _ending_with_supervisor():
                handed = self._line.recv()
            if handed is None:
                return
            self.position, job = handed
            yield job

    def tell(self, event: Event) -> None:
        with _ending_with_supervisor():
            self._line.send(event)


@contextlib.contextmanager
def _ending_with_supervisor() -> Iterator[None]:
    """End at once where the line leads nowhere: its end says nothing against the job, and nobody would hear of it."""
    try:
        yield
    except (OSError, EOFError):
        os._exit(1)


def leave_signals_to_parent() -> None:
    """Ctrl-C reaches every process of the terminal; what it means for the picture at work is decided in one place."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def end_with_parent() -> None:
    """End at once when the process that started us is gone, however: nobody would count what we do, or stop us."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
