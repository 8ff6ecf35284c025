"""What all ranks share: which job is next, who is alive, what happened. No collective call, no process group.

It is kept in a store of torch.distributed: one inside this process where all ranks are its children, the elastic
agent's or rank 0's where there are several hosts. A job is taken by adding one to a counter, so none is taken twice,
and a rank that is slow or dead holds nobody up.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.serialization import Event, event_from_json, event_to_json, job_from_json, job_to_json
from contextgen_cli.errors import EnvironmentProblem

OVER, INTERRUPTED, NOW = "over", "interrupted", "now"  # why no job is handed out any more; `NOW`: nor finished
_TOGETHER = 1000  # keys sent at once
_PLAN_WITHIN = timedelta(hours=12)


class JobStore:
    """One run's part of a store."""

    def __init__(self, store: Any, *, shared: bool = True) -> None:
        self._store = store
        self._shared = shared  # with other processes, so that jobs must go through it
        self._jobs: tuple[Job, ...] = ()
        self._total: int | None = None

    # The one who made the plan

    def publish(self, jobs: Sequence[Job]) -> None:
        """Lay the jobs out, in the order in which they will be taken."""
        self._jobs, self._total = tuple(jobs), len(jobs)
        with _reaching():
            for first in range(0, len(jobs) if self._shared else 0, _TOGETHER):
                some = range(first, min(first + _TOGETHER, len(jobs)))
                values = [job_to_json(jobs[position]).decode() for position in some]
                self._store.multi_set([f"job/{position}" for position in some], values)
            self._store.set("total", str(len(jobs)))

    def hear(self) -> Iterator[Event]:
        """What other hosts' ranks told since this was asked last."""
        with _reaching():
            for _ in range(self._store.queue_len("events")):
                yield event_from_json(self._store.queue_pop("events"), self._jobs)

    def heartbeats(self, ranks: Iterable[int]) -> dict[int, int]:
        """How often each supervisor said that it is alive."""
        with _reaching():
            return {rank: int(self._store.add(f"alive/{rank}", 0)) for rank in ranks}

    def gone(self, ranks: Iterable[int]) -> set[int]:
        """Those whose supervisors have nothing left to say."""
        with _reaching():
            return {rank for rank in ranks if self._store.check([f"gone/{rank}"])}

    def is_exhausted(self) -> bool:
        """Whether every job was taken, and none was put back since."""
        with _reaching():
            return int(self._store.add("next", 0)) >= self._count() and not self._store.queue_len("again")

    # Every supervisor

    def wait_for_plan(self, stopped: Callable[[], bool]) -> None:
        """Wait until the jobs are laid out, or `stopped()`."""
        until = time.monotonic() + _PLAN_WITHIN.total_seconds()
        while not stopped() and time.monotonic() < until:
            with _reaching():
                if self._store.check(["total"]) or self._store.check(["closed"]):
                    return
            time.sleep(0.1)

    def take(self) -> int | None:
        """The position of the next job; None where there is none at present."""
        with _reaching():
            if self._store.queue_len("again"):
                with contextlib.suppress(_empty()):
                    return int(self._store.queue_pop("again", False))
            position = int(self._store.add("next", 1)) - 1
            return position if position < self._count() else None

    def job(self, position: int) -> Job:
        if self._jobs:
            return self._jobs[position]
        with _reaching():
            return job_from_json(self._store.get(f"job/{position}"))

    def put_back(self, position: int) -> None:
        """Let somebody else, or the same rank anew, do a job that was taken."""
        with _reaching():
            self._store.queue_push("again", str(position))

    def crashed(self, job_id: str, times: int = 1) -> int:
        """Note that a job took its process down; how often it did by now, wherever."""
        with _reaching():
            return int(self._store.add(f"crashed/{job_id}", times))

    def tell(self, event: Event) -> None:
        with _reaching():
            self._store.queue_push("events", event_to_json(event).decode())

    def beat(self, rank: int) -> None:
        with _reaching():
            self._store.add(f"alive/{rank}", 1)

    def leave(self, rank: int) -> None:
        with _reaching():
            self._store.set(f"gone/{rank}", "")

    def close(self, why: str) -> None:
        """No job is handed out from now on; the first reason stays, unless all is to end `NOW`."""
        with _reaching():
            if why == NOW or not self._store.check(["closed"]):
                self._store.set("closed", why)

    @property
    def closed(self) -> str | None:
        with _reaching():
            return self._store.get("closed").decode() if self._store.check(["closed"]) else None

    def _count(self) -> int:
        if self._total is None:
            self._total = int(self._store.get("total"))
        return self._total


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    """A store that cannot be reached is told in our words.

    Raises:
        EnvironmentProblem: the process that keeps it is gone.
    """
    from torch.distributed import DistError

    try:
        yield
    except DistError as problem:
        raise EnvironmentProblem(
            "the process that hands out the jobs cannot be reached any more",
            hint="Run the same command again: what is finished stays finished.",
        ) from problem


def _empty() -> type[Exception]:
    from torch.distributed import QueueEmptyError

    kind: type[Exception] = QueueEmptyError
    return kind
