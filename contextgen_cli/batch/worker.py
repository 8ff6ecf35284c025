"""Takes jobs until none is left. A job that fails is an outcome, not an end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from contextgen_cli.batch.plan import Job, Plan
from contextgen_cli.errors import EnvironmentProblem
from contextgen_cli.output import Composition, Destination, encode, is_whole, write

if TYPE_CHECKING:
    from PIL.Image import Image

OnStep = Callable[[int], None]


class Renderer(Protocol):
    """Paints jobs; `open` gets a job's model ready, `on_step` is called with the number of steps done."""

    def open(self, job: Job) -> None: ...
    def render(self, job: Job, on_step: OnStep) -> Image: ...
    def composition(self, job: Job) -> Composition: ...


class Listener(Protocol):
    """Hears how a run goes on; a job starts when its model is open, and one that is skipped never does."""

    def started(self, plan: Plan) -> None: ...
    def job_started(self, job: Job) -> None: ...
    def step(self, job: Job, done: int) -> None: ...
    def job_finished(self, outcome: Outcome) -> None: ...


class Status(str, Enum):
    RENDERED = "rendered"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    job: Job
    status: Status
    path: Path | None = None
    evades: Path | None = None  # another job's picture that kept its name
    mended: bool = False  # an earlier run's picture had been cut short
    png: bytes | None = None  # only where the picture goes to standard output
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(frozen=True)
class Orders:
    """What is to be done with every job."""

    destination: Destination
    record_of: Callable[[Job], Mapping[str, Any]]
    fresh: bool = False
    fail_fast: bool = False
    save_layout: bool = False
    save_inputs: bool = False


def work(plan: Plan, renderer: Renderer, orders: Orders, listener: Listener) -> Iterator[Outcome]:
    """Do the jobs of `plan` one after another and yield what became of each."""
    listener.started(plan)
    for job in plan.jobs:
        try:
            # 1. Leave the job if an earlier run finished it, paint and write it if not.
            outcome = _skip(job, orders) or _do(job, renderer, orders, listener)
        except EnvironmentProblem:
            # 2. No other job would fare better without weights, device or disk.
            raise
        except Exception as error:  # noqa: BLE001  the job border: whatever it was, the others go on
            # 3. Keep what failed as the outcome.
            outcome = Outcome(job, Status.FAILED, error=error)
        # 4. Tell, and stop only if asked to.
        listener.job_finished(outcome)
        yield outcome
        if orders.fail_fast and outcome.status is Status.FAILED:
            return


def _skip(job: Job, orders: Orders) -> Outcome | None:
    destination = orders.destination
    if orders.fresh or destination.to_stdout:
        return None
    placed = destination.place(job.scene.name, job.seed, job.id)
    if placed.exists and all(is_whole(path) for path in _companions(placed.path, job, orders)):
        return Outcome(job, Status.SKIPPED, placed.path)
    return None


def _do(job: Job, renderer: Renderer, orders: Orders, listener: Listener) -> Outcome:
    renderer.open(job)
    listener.job_started(job)
    began = time.monotonic()
    image = renderer.render(job, lambda done: listener.step(job, done))
    seconds = time.monotonic() - began
    png = encode(image, orders.record_of(job) if orders.destination.remember else None)
    if orders.destination.to_stdout:
        return Outcome(job, Status.RENDERED, png=png, seconds=seconds)
    placed = orders.destination.place(job.scene.name, job.seed, job.id)
    for path, companion in zip(_companions(placed.path, job, orders), _seen(job, renderer, orders), strict=True):
        write(path, encode(companion))
    write(placed.path, png)  # last: a picture that is there has all that belongs to it
    return Outcome(job, Status.RENDERED, placed.path, placed.evades, placed.broken, seconds=seconds)


def _seen(job: Job, renderer: Renderer, orders: Orders) -> list[Image]:
    if not (orders.save_layout or orders.save_inputs):
        return []
    composition = renderer.composition(job)
    return [composition.layout] * orders.save_layout + list(composition.inputs) * orders.save_inputs


def _companions(path: Path, job: Job, orders: Orders) -> list[Path]:
    inputs = [f"input-{number}" for number in range(1, len(job.scene.instances) + 1)]
    parts = ["layout"] * orders.save_layout + inputs * orders.save_inputs
    return [path.with_name(f"{path.stem}.{part}.png") for part in parts]
