"""Takes jobs until none is left. A job that fails is an outcome, not an end.

It knows nothing of other processes: whoever runs it hands it jobs one by one, and hears what became of them.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from contextgen_cli.batch import ledger
from contextgen_cli.batch.claims import Claims
from contextgen_cli.batch.ledger import Attempt, Reason
from contextgen_cli.batch.plan import Job, refuse_changed
from contextgen_cli.errors import ContextgenError, EnvironmentProblem, OutOfMemory
from contextgen_cli.records import outdated
from contextgen_cli.records.outdated import bring_back, outdated_picture
from contextgen_cli.records.output import (
    Composition,
    Destination,
    PicturePlace,
    Taken,
    companion,
    encode,
    is_whole,
    write,
)
from contextgen_cli.records.places import known_places

if TYPE_CHECKING:
    from PIL.Image import Image

OnStep = Callable[[int], None]
_TRIES_TO_PLACE = 3  # another process may take a name between our look and our write


class Renderer(Protocol):
    """Paints jobs; `open` gets a job's model ready, `on_step` is called with the number of steps done."""

    def open(self, job: Job) -> None: ...
    def render(self, job: Job, on_step: OnStep) -> Image: ...
    def composition(self, job: Job) -> Composition: ...
    def reduce_memory(self, job: Job) -> str:
        """Give back what memory can be given back, open the model in the next smaller preset, and say what was done."""

    def peak_bytes(self) -> int | None:
        """The most memory that was in use since this was asked last."""


class Listener(Protocol):
    """Hears how a run goes on.

    A job is `opening` while its model gets ready, which takes no time where it is open already, and has started when
    the model is open; one that is skipped is neither. What `step` raises as Cancelled leaves the picture unfinished.
    """

    def started(self, overview: Overview) -> None: ...
    def opening(self, job: Job, rank: int) -> None: ...
    def job_started(self, job: Job, rank: int) -> None: ...
    def step(self, job: Job, done: int, rank: int) -> None: ...
    def job_finished(self, outcome: Outcome) -> None: ...
    def noticed(self, text: str) -> None: ...


class JobSource(Protocol):
    """Hands out jobs one by one."""

    def __iter__(self) -> Iterator[Job]: ...
    def put_back(self, job: Job) -> None:
        """Hand it out once more, later: another run is at it."""


class Status(str, Enum):
    RENDERED = "rendered"
    SKIPPED = "skipped"
    FAILED = "failed"
    CRASHED = "crashed"  # took its process down


UNDONE = (Status.FAILED, Status.CRASHED)


def process_name(rank: int) -> str:
    """What a person reads of a rank: processes are counted from 1."""
    return f"process {rank + 1}"


@dataclass(frozen=True)
class Overview:
    """What a run is about to do."""

    jobs: int
    done: int  # of these, left alone
    tflop: float  # of those to do
    ranks: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    job: Job
    status: Status
    path: Path | None = None
    evades: Path | None = None  # another scene's picture that kept its name
    repaired: bool = False  # an earlier run's picture had been cut short
    png: bytes | None = None  # only where the picture goes to standard output
    seconds: float = 0.0
    peak_bytes: int | None = None
    reason: Reason | None = None
    trace: str | None = None  # of an error that nobody foresaw
    earlier: bool = False  # it failed or crashed in an earlier run, and was left alone in this one
    rank: int = 0
    outdated: Path | None = None  # where the older picture of its scene is now
    renamed: bool = False  # it is there under another name than it would have now

    def attempt(self, folder: Path, host: str = "") -> Attempt:
        """This as a line of the ledger."""
        return Attempt(
            job=self.job.id,
            scene=self.job.scene.name,
            seed=self.job.seed,
            outcome=self.status.value,
            file=None if self.path is None else self.path.relative_to(folder).as_posix(),
            seconds=round(self.seconds, 3),
            peak_bytes=self.peak_bytes,
            host=host or socket.gethostname(),
            rank=self.rank,
            at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds"),
            error=None if self.reason is None else self.reason.without_places(known_places(self.job.scene, folder)),
            tflop=self.job.cost.tflop,
            source=self.job.scene.source.digest,
        )


@dataclass(frozen=True)
class JobOptions:
    """What is to be done with every job."""

    destination: Destination
    record_of: Callable[[Job], Mapping[str, Any]]
    fresh: bool = False
    retry_failed: bool = False
    max_failures: int | None = None  # after so many, no job is begun
    save_layout: bool = False
    save_inputs: bool = False

    @property
    def shared_folder(self) -> Path | None:
        """The folder into which other runs may paint the same pictures; None: nobody else can."""
        return self.destination.folder if self.destination.keeps_ledger else None


def work(
    jobs: JobSource, renderer: Renderer, job_options: JobOptions, listener: Listener, rank: int = 0
) -> Iterator[Outcome]:
    """Do jobs one after another, as they are handed out, and yield what became of each."""
    claims = Claims(job_options.shared_folder, listener.noticed)
    for job in jobs:
        # 1. Leave the job to another run that is at it.
        with claims.hold(job.id, job.name) as ours:
            if not ours:
                jobs.put_back(job)
                continue
            try:
                # 2. Leave it if it is finished by now, take it back if it was set aside, else paint and write it.
                outcome = (
                    skipped(job, job_options, rank)
                    or _taken_back(job, job_options, listener, rank)
                    or _do(job, renderer, job_options, listener, rank)
                )
            except Taken as error:
                outcome = _failed(job, error, rank)  # the one name that another process writes to
            except EnvironmentProblem:
                # 3. No other job would fare better without weights, device or disk.
                raise
            except Exception as error:  # noqa: BLE001  the job border: whatever it was, the others go on
                # 4. Keep what failed as the outcome.
                outcome = _failed(job, error, rank)
            # 5. Put it into the ledger.
            note(outcome, job_options)
        # 6. Tell.
        listener.job_finished(outcome)
        yield outcome


def skipped(job: Job, job_options: JobOptions, rank: int = 0) -> Outcome | None:
    """The outcome of a job whose whole picture is there, with all that belongs to it."""
    destination = job_options.destination
    if job_options.fresh or destination.to_stdout:
        return None
    placed = destination.place(job.scene.name, job.seed, job.id)
    if placed.exists and is_complete(placed.path, job, job_options):
        return Outcome(job, Status.SKIPPED, placed.path, rank=rank)
    return None


def is_complete(path: Path, job: Job, job_options: JobOptions) -> bool:
    """Whether a job's picture is whole, and all that belongs to it is there."""
    return is_whole(path) and all(is_whole(each) for each in _companions(path, job, job_options))


def note(outcome: Outcome, job_options: JobOptions) -> None:
    """Put an attempt into the ledger of its folder.

    Raises:
        OutputError: it cannot be written.
    """
    if job_options.destination.keeps_ledger and outcome.status is not Status.SKIPPED:
        ledger.append(job_options.destination.folder, [outcome.attempt(job_options.destination.folder)])


def _taken_back(job: Job, job_options: JobOptions, listener: Listener, rank: int) -> Outcome | None:
    """The outcome of a job whose picture was set aside, as its scene was another in the meantime."""
    destination = job_options.destination
    if job_options.fresh or not destination.keeps_ledger or not destination.embed_record:
        return None
    kept = outdated_picture(destination.folder, job.id)
    if kept is None or not is_complete(kept.path, job, job_options):
        return None
    older = _set_aside(job, job_options)
    placed = destination.place(job.scene.name, job.seed, job.id)
    bring_back(kept, placed.path)
    note(Outcome(job, Status.RENDERED, placed.path, rank=rank), job_options)
    listener.noticed(f"{job.name}: painted before, and taken back from {kept.path.parent}")
    return Outcome(job, Status.SKIPPED, placed.path, placed.evades, rank=rank, outdated=older)


def _set_aside(job: Job, job_options: JobOptions) -> Path | None:
    """Make room for a job's picture; where the one is now that had its place."""
    folder = job_options.destination.folder
    moved = [outdated.set_aside(folder / name, held) for name, held in job.displaces]
    return next((path for path in moved if path is not None), None)


def _do(job: Job, renderer: Renderer, job_options: JobOptions, listener: Listener, rank: int) -> Outcome:
    listener.opening(job, rank)
    renderer.open(job)
    refuse_changed(job)  # hours may lie between the plan and the picture
    listener.job_started(job, rank)
    began = time.monotonic()
    image = _paint(job, renderer, listener, rank)
    seconds, peak = time.monotonic() - began, renderer.peak_bytes()
    png = encode(image, job_options.record_of(job) if job_options.destination.embed_record else None)
    if job_options.destination.to_stdout:
        return Outcome(job, Status.RENDERED, png=png, seconds=seconds, peak_bytes=peak, rank=rank)
    placed, older = _write(png, job, _seen(job, renderer, job_options), job_options)
    return Outcome(
        job,
        Status.RENDERED,
        placed.path,
        placed.evades,
        placed.broken and not job_options.destination.replace,
        seconds=seconds,
        peak_bytes=peak,
        rank=rank,
        outdated=older,
    )


def _paint(job: Job, renderer: Renderer, listener: Listener, rank: int) -> Image:
    """Paint, and once more with less memory in use where there was too little."""

    def on_step(done: int) -> None:
        listener.step(job, done, rank)

    try:
        return renderer.render(job, on_step)
    except OutOfMemory as problem:
        message = problem.message
    # outside the block, which would keep what the failed try holds
    listener.noticed(f"{job.name}: {message}: {renderer.reduce_memory(job)}, trying once more")
    return renderer.render(job, on_step)


def _write(png: bytes, job: Job, companions: list[Image], job_options: JobOptions) -> tuple[PicturePlace, Path | None]:
    destination = job_options.destination
    destination.refuse_vanished()
    files = [encode(companion) for companion in companions]
    several = bool(files) and destination.keeps_ledger
    with ledger.locked(destination.folder) if several else contextlib.nullcontext():  # else two jobs' could mix
        older = _set_aside(job, job_options)
        for _ in range(_TRIES_TO_PLACE):
            placed = destination.place(job.scene.name, job.seed, job.id)
            for path, file in zip(_companions(placed.path, job, job_options), files, strict=True):
                write(path, file)
            try:
                # last: a picture that is there has all that belongs to it
                write(placed.path, png, replacing=placed.exists or placed.broken)
            except Taken:
                continue
            return placed, older
    raise Taken(f"{placed.path}: another process writes pictures of this name", hint="Give this run its own folder.")


def _failed(job: Job, error: Exception, rank: int) -> Outcome:
    foreseen = isinstance(error, ContextgenError)
    trace = None if foreseen else "".join(traceback.format_exception(error))
    return Outcome(job, Status.FAILED, reason=Reason.of(error), trace=trace, rank=rank)


def _seen(job: Job, renderer: Renderer, job_options: JobOptions) -> list[Image]:
    if not (job_options.save_layout or job_options.save_inputs):
        return []
    composition = renderer.composition(job)
    return [composition.layout] * job_options.save_layout + list(composition.inputs) * job_options.save_inputs


def _companions(path: Path, job: Job, job_options: JobOptions) -> list[Path]:
    inputs = [f"input-{number}" for number in range(1, len(job.scene.instances) + 1)]
    parts = ["layout"] * job_options.save_layout + inputs * job_options.save_inputs
    return [companion(path, part) for part in parts]
