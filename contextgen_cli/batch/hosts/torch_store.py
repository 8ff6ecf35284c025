"""The job store of a launcher's processes on several hosts: a store of torch.distributed, the elastic agent's or rank
0's. No collective call, no process group.

Whoever reaches its port can read and write it. So all that says what to do is sealed
(`contextgen_cli.batch.hosts.sealing`), and what arrives is checked even then; only counters are not: a wrong one
delays, or has a job set aside after its first crash, which is told; nothing is done twice for it, as a job whose
picture is there is left alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from contextgen_cli.batch.hosts.sealing import Forged, Seal, new_nonce
from contextgen_cli.batch.job_store import OVERRULING
from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.serialization import Event, event_from_json, event_to_json, job_from_json, job_to_json
from contextgen_cli.errors import EnvironmentProblem

_TOGETHER = 1000  # keys sent at once
_PLAN_WITHIN = timedelta(hours=12)


class TorchJobStore:
    """See `JobStore`; beyond that, supervisors say here that they live.

    Args:
        store: of torch.distributed.
        key: the run's (`sealing.run_key`).
        leading: whether this is the process that makes the plan.
    """

    def __init__(self, store: Any, key: bytes, *, leading: bool) -> None:
        self._store, self._key = store, key
        self._jobs: tuple[Job, ...] = ()
        self._total: int | None = None
        if leading:
            nonce = new_nonce()
            self._seal = Seal(key, nonce)
            with _reaching():
                store.set("nonce", nonce.decode())

    # The one who made the plan

    def publish(self, jobs: Sequence[Job]) -> None:
        self._jobs, self._total = tuple(jobs), len(jobs)
        with _reaching():
            for first in range(0, len(jobs), _TOGETHER):
                names = [f"job/{position}" for position in range(first, min(first + _TOGETHER, len(jobs)))]
                values = map(job_to_json, jobs[first : first + _TOGETHER])
                self._store.multi_set(names, [self._closed_up(*pair) for pair in zip(names, values, strict=True)])
        self._set("total", str(len(jobs)))

    def hear(self) -> Iterator[Event]:
        """What other hosts' ranks told since this was asked last."""
        with _reaching():
            waiting = self._store.queue_len("events")
        for _ in range(waiting):
            with _reaching():
                sealed = self._store.queue_pop("events")
            with _arriving("an event"):
                event = event_from_json(self._seal.open("events", sealed), self._jobs)
            yield event

    def heartbeats(self, ranks: Iterable[int]) -> dict[int, int]:
        """How often each supervisor said that it is alive."""
        with _reaching():
            return {rank: int(self._store.add(f"alive/{rank}", 0)) for rank in ranks}

    def gone(self, ranks: Iterable[int]) -> set[int]:
        """Those whose supervisors have nothing left to say."""
        return {rank for rank in ranks if self._get_if_there(f"gone/{rank}") is not None}

    def is_exhausted(self) -> bool:
        with _reaching():
            waiting = self._store.queue_len("again") + self._store.queue_len("later")
            return int(self._store.add("next", 0)) >= self._count() and not waiting

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
        if (position := self._pop("again")) is not None:
            return position
        with _reaching():
            position = int(self._store.add("next", 1)) - 1
        return self._position(position) if position < self._count() else self._pop("later")

    def job(self, position: int) -> Job:
        if self._jobs:
            return self._jobs[position]
        sealed = self._get(f"job/{position}")
        with _arriving(f"job {position}"):
            return job_from_json(sealed)

    def put_back(self, position: int, *, later: bool = False) -> None:
        queue = "later" if later else "again"
        with _reaching():
            self._store.queue_push(queue, self._closed_up(queue, str(position).encode()))

    def crashed(self, job_id: str, times: int = 1) -> int:
        with _reaching():
            return int(self._store.add(f"crashed/{job_id}", times))

    def tell(self, event: Event) -> None:
        with _reaching():
            self._store.queue_push("events", self._closed_up("events", event_to_json(event)))

    def beat(self, rank: int) -> None:
        """Say that a supervisor lives."""
        with _reaching():
            self._store.add(f"alive/{rank}", 1)

    def leave(self, rank: int) -> None:
        """Say that a supervisor has nothing left to say."""
        self._set(f"gone/{rank}", "")

    def close(self, why: str) -> None:
        if why in OVERRULING or self.closed is None:
            self._set("closed", why)

    @property
    def closed(self) -> str | None:
        return self._get_if_there("closed")

    # What is kept, sealed

    @cached_property
    def _seal(self) -> Seal:
        with _reaching():
            return Seal(self._key, self._store.get("nonce"))

    def _closed_up(self, name: str, value: bytes) -> str:
        return self._seal.close(name, value).decode()

    def _set(self, name: str, value: str) -> None:
        with _reaching():
            self._store.set(name, self._closed_up(name, value.encode()))

    def _get(self, name: str) -> bytes:
        with _reaching():
            return self._seal.open(name, self._store.get(name))

    def _get_if_there(self, name: str) -> str | None:
        with _reaching():
            there = self._store.check([name])
        return self._get(name).decode() if there else None

    def _pop(self, queue: str) -> int | None:
        with _reaching():
            if not self._store.queue_len(queue):
                return None
            with contextlib.suppress(_empty()):
                return self._position(self._seal.open(queue, self._store.queue_pop(queue, False)))
        return None

    def _count(self) -> int:
        if self._total is None:
            self._total = int(self._get("total"))
        return self._total

    def _position(self, said: bytes | int) -> int:
        position = int(said)
        if not 0 <= position < self._count():
            raise Forged(f"the number {position} of a job")
        return position


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


@contextlib.contextmanager
def _arriving(what: str) -> Iterator[None]:
    """What is no job and no event is not let in, whoever sealed it."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as problem:
        raise Forged(f"{what} ({problem!r})") from problem


def _empty() -> type[Exception]:
    from torch.distributed import QueueEmptyError

    kind: type[Exception] = QueueEmptyError
    return kind
