"""What a run tells whoever listens, a terminal, a browser or a test: its plan, its events, its end, as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import UNDONE, Listener, Outcome, Status
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_JOBS_FAILED, DeviceError, EnvironmentProblem
from contextgen_cli.models.devices import Footprint


class RunListener(Listener, Protocol):
    """Hears a run from its plan to its end; what it has of `Listener` it hears while pictures are painted.

    It is called in the thread that calls the run, one event after another, however many processes paint.
    """

    def warned(self, text: str) -> None:
        """Something is probably not meant."""

    def noted(self, text: str) -> None:
        """Something was chosen that could have been another."""

    def planned(self, forecast: Forecast) -> None:
        """The plan is made, and priced."""

    def result(self, outcome: Outcome) -> None:
        """What became of a job; those that earlier runs did or gave up come first, each is told once."""

    def ended(self, summary: RunSummary) -> None:
        """Nothing follows."""


@dataclass(frozen=True)
class Forecast:
    """A plan, what there is of it, and what the rest will take.

    Attributes:
        footprints: the memory that each model to open takes, by its name.
        ranks: how many processes paint side by side.
        problem: why the rest cannot be painted here; there are no footprints then.
        left_out: scenes that were asked for, and are not in the plan.
    """

    status: PlanStatus
    footprints: Mapping[str, Footprint]
    ranks: int
    problem: DeviceError | None = None
    left_out: int = 0

    @property
    def seconds(self) -> float | None:
        """How long the rest takes, at the pace of earlier runs; None where there were none."""
        pace = self.status.past.pace
        return self.status.todo.tflop / pace / max(1, self.ranks) if pace else None

    @property
    def exit_code(self) -> int:
        """What a run would begin with."""
        if self.problem is not None:
            return self.problem.exit_code
        return EXIT_JOBS_FAILED if self.left_out else EXIT_DONE


@dataclass
class Tally:
    """What became of a run's jobs so far.

    Attributes:
        causes: why jobs came to nothing in this run, each with the names of those pictures.
    """

    jobs: int
    counts: Counter[Status] = field(default_factory=Counter)
    causes: dict[Reason, list[str]] = field(default_factory=dict)
    painting: float = 0.0  # seconds, all ranks' together
    peak_bytes: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count a job in."""
        self.counts[outcome.status] += 1
        if not outcome.earlier:
            self.painting += outcome.seconds
            if outcome.reason is not None:
                self.causes.setdefault(outcome.reason, []).append(outcome.job.name)
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes or 0)

    @property
    def undone(self) -> bool:
        """Whether there are jobs of which nothing came."""
        return any(self.counts[status] for status in UNDONE)


@dataclass(frozen=True)
class RunSummary:
    """How a run ended.

    Attributes:
        seconds: from its beginning to its end.
        set_aside: the jobs that an earlier run could not do, and that this one left alone.
        problem: what no other job would have survived.
        cancelled: somebody asked it to stop.
        left_out: scenes that were asked for, and were not in the plan.
    """

    tally: Tally
    seconds: float
    device: str
    set_aside: tuple[Outcome, ...] = ()
    problem: EnvironmentProblem | None = None
    cancelled: bool = False
    left_out: int = 0

    @property
    def exit_code(self) -> int:
        """See `contextgen_cli.errors`."""
        if self.problem is not None:
            return self.problem.exit_code
        if self.cancelled:
            return EXIT_INTERRUPTED
        return EXIT_JOBS_FAILED if self.tally.undone or self.left_out else EXIT_DONE
