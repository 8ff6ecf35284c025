"""The job store of one process, whose ranks are its children or itself."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence

from contextgen_cli.batch.job_store import OVERRULING
from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.serialization import Event


class LocalJobStore:
    """See `JobStore`."""

    def __init__(self) -> None:
        self._jobs: tuple[Job, ...] = ()
        self._next = 0
        self._again: deque[int] = deque()
        self._later: deque[int] = deque()
        self._events: deque[Event] = deque()
        self._crashes: Counter[str] = Counter()
        self._closed: str | None = None

    def publish(self, jobs: Sequence[Job]) -> None:
        self._jobs = tuple(jobs)

    def take(self) -> int | None:
        if self._again:
            return self._again.popleft()
        if self._next < len(self._jobs):
            self._next += 1
            return self._next - 1
        return self._later.popleft() if self._later else None

    def job(self, position: int) -> Job:
        return self._jobs[position]

    def put_back(self, position: int, *, later: bool = False) -> None:
        (self._later if later else self._again).append(position)

    def is_exhausted(self) -> bool:
        return self._next == len(self._jobs) and not self._again and not self._later

    def crashed(self, job_id: str, times: int = 1) -> int:
        self._crashes[job_id] += times
        return self._crashes[job_id]

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def hear(self) -> Iterator[Event]:
        while self._events:
            yield self._events.popleft()

    def close(self, why: str) -> None:
        if why in OVERRULING or self._closed is None:
            self._closed = why

    @property
    def closed(self) -> str | None:
        return self._closed
