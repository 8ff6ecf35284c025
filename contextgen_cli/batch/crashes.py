"""What the death of a rank means: for the job that it was at, and for the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contextgen_cli.batch.job_store import OVER, JobStore
from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.resume import CRASHES_ALLOWED
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import JobOptions, Outcome, Status, note, process_name
from contextgen_cli.errors import EnvironmentProblem

_FAILED_STARTS_ALLOWED = 3  # deaths in a row of one rank, before it begins to paint


@dataclass(frozen=True)
class CrashAccount:
    """Counts deaths, puts jobs back or sets them aside, and tells."""

    job_store: JobStore
    job_options: JobOptions
    tell: Callable[[Event], None]

    def at_work(self, rank: int, position: int, why: str) -> None:
        """The death of a rank at work is the job's doing, until the job is done by another."""
        job = self.job_store.job(position)
        times = self.job_store.crashed(job.id)
        given_up = times >= CRASHES_ALLOWED
        message = f"took its process down {'twice' if given_up else 'once'} ({why})"
        outcome = Outcome(job, Status.CRASHED, reason=Reason("Crash", message), rank=rank)
        note(outcome, self.job_options)
        text = f"{process_name(rank)} died at {job.name} ({why})"
        if given_up:
            self.tell(Event("finished", rank, position, outcome=outcome))
            self.tell(Event("noticed", rank, text=f"{text} again: the job is set aside, the process restarted"))
            return
        self.job_store.put_back(position)
        self.tell(Event("noticed", rank, text=f"{text}: restarted, and the job tried once more"))

    def before_work(self, rank: int, position: int | None, why: str, failed_starts: int) -> int:
        """A rank that dies before it paints dies of something else; how often in a row it did by now.

        Raises:
            EnvironmentProblem: too often.
        """
        if position is not None:
            self.job_store.put_back(position)
        if failed_starts + 1 >= _FAILED_STARTS_ALLOWED:
            self.job_store.close(OVER)
            raise EnvironmentProblem(
                f"{process_name(rank)} died {_FAILED_STARTS_ALLOWED} times before it painted anything ({why})",
                hint="Too little main memory is the usual reason: try fewer --processes, or look with -v.",
            )
        self.tell(Event("noticed", rank, text=f"{process_name(rank)} died as it began ({why}): restarted"))
        return failed_starts + 1
