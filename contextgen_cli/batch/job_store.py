"""What all who paint share: which job is next, and what happened.

A job is taken by adding one to a counter, so none is taken twice, and a rank that is slow or dead holds nobody up.
Three keep it: `local_store`, where one process hands out all jobs; `torch_store`, for a launcher's processes on several
hosts; `ray_engine.ray_store`, for a Ray cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.serialization import Event

# Why no job is handed out any more. After `FAILED`, all who follow end with an error, too; `NOW`: nor is one finished.
OVER, INTERRUPTED, FAILED, NOW = "over", "interrupted", "failed", "now"
OVERRULING = (FAILED, NOW)


class JobStore(Protocol):
    """One run's jobs. Every method raises EnvironmentProblem where the store cannot be reached."""

    def publish(self, jobs: Sequence[Job]) -> None:
        """Lay the jobs out, in the order in which they will be taken."""

    def take(self) -> int | None:
        """The position of the next job; None where there is none at present."""

    def job(self, position: int) -> Job:
        """The job that was laid out there."""

    def put_back(self, position: int, *, later: bool = False) -> None:
        """Let somebody else, or the same rank anew, do a job that was taken: next, or `later`, when none is left."""

    def is_exhausted(self) -> bool:
        """Whether every job was taken, and none was put back since."""

    def crashed(self, job_id: str, times: int = 1) -> int:
        """Note that a job took its process down; how often it did by now, wherever."""

    def tell(self, event: Event) -> None:
        """Say what happened to whoever made the plan."""

    def hear(self) -> Iterator[Event]:
        """What was told since this was asked last."""

    def close(self, why: str) -> None:
        """No job is handed out from now on; the first reason stays, unless it is an `OVERRULING` one."""

    @property
    def closed(self) -> str | None:
        """Why it was closed; None: it is open."""
