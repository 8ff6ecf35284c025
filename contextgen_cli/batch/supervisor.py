"""Starts ranks as processes of this host, keeps them busy, and starts anew what dies.

It paints nothing itself, so that it lives to say which job took a process down. Only what it saw is counted: where
the whole run is killed, nobody writes anything, and the next run begins with a clean account.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any

from contextgen_cli.batch.crashes import CrashAccount
from contextgen_cli.batch.job_store import NOW, JobStore
from contextgen_cli.batch.rank import MakeRenderer, RankPlace, serve
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import JobOptions
from contextgen_cli.records.output import sweep

_SETTLING = 0.5  # seconds: whoever kills a whole run may reach us a moment later, and then the job is not to blame


@dataclass
class _Rank:
    """A rank's process as its supervisor sees it."""

    place: RankPlace
    process: Any
    line: Any
    position: int | None = None  # of the job that it has
    painting: bool = False  # the job's model is open
    waiting: bool = False  # for a job
    dismissed: bool = False  # there is none left
    failed_starts: int = 0
    began: float = field(default_factory=time.monotonic)


class Supervisor:
    """The ranks of this host."""

    def __init__(
        self,
        job_store: JobStore,
        make_renderer: MakeRenderer,
        job_options: JobOptions,
        places: Sequence[RankPlace],
        tell: Callable[[Event], None],
    ) -> None:
        self._job_store = job_store
        self._make_renderer = make_renderer
        self._job_options = job_options
        self._tell = tell
        self._crashes = CrashAccount(job_store, job_options, tell)
        self._ranks = [self._start(place) for place in places]

    @property
    def ended(self) -> bool:
        """Whether no rank is left."""
        return not self._ranks

    def turn(self, seconds: float) -> None:
        """Hear what the ranks say, reap the dead, hand out jobs; wait so long where nothing happens.

        Raises:
            EnvironmentProblem: ranks die before they paint anything, or the ledger cannot be written.
        """
        awaited = [rank.line for rank in self._ranks] + [rank.process.sentinel for rank in self._ranks]
        if awaited:
            connection.wait(awaited, seconds)
        else:
            time.sleep(seconds)
        for rank in list(self._ranks):
            dead = rank.process.exitcode is not None  # before we listen: its last words have arrived then
            self._listen(rank)
            if dead:
                self._reap(rank)
        self._hand_out()

    def kill(self) -> None:
        """End all ranks at once; a picture at work is lost."""
        for rank in self._ranks:
            rank.process.kill()
        for rank in self._ranks:
            rank.process.join()
            rank.line.close()
        if self._ranks and not self._job_options.destination.to_stdout:
            sweep(self._job_options.destination.folder)
        self._ranks = []

    def _start(self, place: RankPlace, failed_starts: int = 0) -> _Rank:
        context = multiprocessing.get_context("spawn")  # a fork would inherit the device's state
        ours, theirs = context.Pipe()
        arguments = (theirs, self._make_renderer, self._job_options, place)
        process = context.Process(target=serve, args=arguments, daemon=True, name=f"rank {place.rank}")
        process.start()
        theirs.close()
        return _Rank(place, process, ours, failed_starts=failed_starts)

    def _listen(self, rank: _Rank) -> None:
        try:
            while rank.line.poll():
                self._hear(rank, rank.line.recv())
        except (EOFError, OSError):
            return  # it is dead, or about to be: its process will say so

    def _hear(self, rank: _Rank, event: Event) -> None:
        match event.kind:
            case "ready":
                rank.position, rank.painting, rank.waiting = None, False, True
                return
            case "put back":
                self._job_store.put_back(event.position, later=True)
            case "started":
                rank.painting, rank.failed_starts = True, 0
            case "problem":
                rank.dismissed = True
        self._tell(event)

    def _hand_out(self) -> None:
        closed = self._job_store.closed
        for rank in self._ranks:
            if closed is not None and not rank.painting:
                self._dismiss(rank)
            elif rank.waiting and (position := self._job_store.take()) is not None:
                rank.position, rank.waiting = position, False
                self._tell(Event("taken", rank.place.rank, position))
                self._send(rank, (position, self._job_store.job(position)))
        if closed == NOW:
            self.kill()

    def _dismiss(self, rank: _Rank) -> None:
        """Let an idle rank go; one that only gets ready for a picture nobody wants any more has nothing to lose."""
        if rank.waiting:
            rank.waiting = False
            self._send(rank, None)
        elif not rank.dismissed:
            rank.process.kill()
        rank.dismissed = True

    def _send(self, rank: _Rank, handed: object) -> None:
        try:
            rank.line.send(handed)
        except OSError:
            return  # it died since it asked: it will be reaped, and the job put back

    def _reap(self, rank: _Rank) -> None:
        rank.process.join()
        rank.line.close()
        self._ranks.remove(rank)
        if rank.dismissed:
            return
        time.sleep(_SETTLING)
        sweep(self._job_options.destination.folder)
        why = _cause(rank.process.exitcode)
        failed_starts = rank.failed_starts
        if rank.position is not None and rank.painting:
            self._crashes.at_work(rank.place.rank, rank.position, why)
        else:
            failed_starts = self._crashes.before_work(rank.place.rank, rank.position, why, failed_starts)
        if self._job_store.closed is None:
            self._ranks.append(self._start(rank.place, failed_starts))


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
