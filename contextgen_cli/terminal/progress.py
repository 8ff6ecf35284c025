"""How a run shows its progress: moving bars on a terminal, plain lines elsewhere, JSON lines, or nothing.

Each display is a `contextgen_cli.batch.worker.Listener`; all of them write through `contextgen_cli.terminal.console`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from contextgen_cli.terminal import console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from contextgen_cli.batch.plan import Job
    from contextgen_cli.batch.worker import Listener, Outcome, Overview

MODES = ("auto", "plain", "json", "none")
_PLAIN_EVERY = 15.0  # seconds between two lines about the same picture
_JSON_EVERY = 0.1
_MOST_BARS = 16  # ranks that have a line of their own


@contextlib.contextmanager
def display(mode: str) -> Iterator[Listener]:
    """Show the progress of the run inside the block in the `mode` asked for."""
    if mode == "auto" and console.verbosity() >= 0 and console.animated():
        with Bars.shown() as bars:
            yield bars
    elif mode == "json":
        yield JsonLines()
    elif mode == "none" or console.verbosity() < 0:
        yield Silence()
    else:
        yield PlainLines()


class Clock:
    """Predicts the time left from what painting cost and took so far; skipped pictures teach nothing."""

    def __init__(self, overview: Overview) -> None:
        self._left = overview.tflop  # of all that is not finished, the pictures at work included
        self._ranks = overview.ranks
        self._painted = 0.0
        self._seconds = 0.0  # all ranks' together
        self._at_work: dict[int, tuple[float, float]] = {}  # by rank: when it began, the TFLOP done since
        self.pictures = 0
        self._first: float | None = None

    def started(self, rank: int = 0) -> None:
        now = time.monotonic()
        self._first = now if self._first is None else self._first
        self._at_work[rank] = now, 0.0

    def step(self, job: Job, done: int, rank: int = 0) -> None:
        began, _ = self._at_work.get(rank, (time.monotonic(), 0.0))
        self._at_work[rank] = began, job.cost.tflop * done / job.steps

    def finished(self, outcome: Outcome) -> None:
        self._left -= outcome.job.cost.tflop
        self._at_work.pop(outcome.rank, None)
        if outcome.status == "rendered":
            self._painted += outcome.job.cost.tflop
            self._seconds += outcome.seconds
            self.pictures += 1

    @property
    def per_minute(self) -> float | None:
        """Pictures of all ranks together."""
        return 60 * self.pictures / self._seconds * self._ranks if self._seconds else None

    @property
    def seconds_left(self) -> float | None:
        """None where nothing is painted yet to judge by."""
        now = time.monotonic()
        in_flight = sum(tflop for _, tflop in self._at_work.values())
        painted = self._painted + in_flight
        seconds = self._seconds + sum(now - began for began, tflop in self._at_work.values() if tflop)
        return max(0.0, (self._left - in_flight) * seconds / painted / self._ranks) if painted else None


class Bars:
    """Bars at the foot of the terminal: all pictures with pace and time left, and below it what each rank is at."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._ranks: dict[int, TaskID] = {}

    @classmethod
    @contextlib.contextmanager
    def shown(cls) -> Iterator[Bars]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.table import Column

        name = TextColumn("{task.description}", table_column=Column(ratio=2, no_wrap=True, overflow="ellipsis"))
        bar = BarColumn(bar_width=None, table_column=Column(ratio=1))
        pace = TextColumn("{task.fields[pace]}", table_column=Column(no_wrap=True, width=22))
        progress = Progress(name, bar, MofNCompleteColumn(), pace, expand=True, auto_refresh=False)
        with console.live(progress):
            yield cls(progress)

    def started(self, overview: Overview) -> None:
        self._clock = Clock(overview)
        self._many = overview.ranks > 1
        self._pictures = self._progress.add_task("pictures", total=overview.jobs, completed=overview.done, pace="")
        if not self._many:
            self._ranks[0] = self._progress.add_task("opening the model", total=None, pace="")

    def opening(self, job: Job, rank: int = 0) -> None: ...

    def job_started(self, job: Job, rank: int = 0) -> None:
        self._clock.started(rank)
        if rank not in self._ranks:
            self._ranks[rank] = self._progress.add_task("", total=None, pace="", visible=rank < _MOST_BARS)
        from contextgen_cli.batch.worker import process_name  # what imports it paints already

        words = f"{process_name(rank)}: {job.name}" if self._many else job.name
        self._progress.update(self._ranks[rank], description=words, completed=0, total=job.steps)

    def step(self, job: Job, done: int, rank: int = 0) -> None:
        self._clock.step(job, done, rank)
        if rank in self._ranks:
            self._progress.update(self._ranks[rank], completed=done)
        self._progress.update(self._pictures, pace=self._pace())

    def job_finished(self, outcome: Outcome) -> None:
        self._clock.finished(outcome)
        self._progress.update(self._pictures, advance=1, pace=self._pace())

    def noticed(self, text: str) -> None:
        console.note(text)

    def _pace(self) -> str:
        left, rate = self._clock.seconds_left, self._clock.per_minute
        words = [f"{rate:.3g}/min" if rate else "", f"{stopwatch(left)} left" if left else ""]
        return " ".join(word for word in words if word)


class PlainLines:
    """A line for every finished picture, and now and then one for a slow picture."""

    def started(self, overview: Overview) -> None:
        self._total = overview.jobs
        self._finished = overview.done
        self._clock = Clock(overview)
        self._spoke: dict[int, float] = {}
        if overview.done:
            console.note(f"{self._place(0)} already rendered")

    def opening(self, job: Job, rank: int = 0) -> None: ...

    def job_started(self, job: Job, rank: int = 0) -> None:
        self._clock.started(rank)
        self._spoke[rank] = time.monotonic()

    def step(self, job: Job, done: int, rank: int = 0) -> None:
        self._clock.step(job, done, rank)
        if time.monotonic() - self._spoke.get(rank, 0.0) >= _PLAIN_EVERY:
            self._spoke[rank] = time.monotonic()
            console.note(f"{self._place(1)} {job.name}: step {done} of {job.steps}{self._left()}")

    def job_finished(self, outcome: Outcome) -> None:
        self._clock.finished(outcome)
        self._finished += 1
        console.note(f"{self._place(0)} {outcome.job.name}: {self._became(outcome)}")

    def noticed(self, text: str) -> None:
        console.note(text)

    def _became(self, outcome: Outcome) -> str:
        match outcome.status.value:
            case "rendered":
                return f"rendered in {duration(outcome.seconds)}{self._left()}"
            case "skipped":
                return "already rendered"
            case failed:
                return failed

    def _place(self, ahead: int) -> str:
        return f"[{self._finished + ahead}/{self._total}]"

    def _left(self) -> str:
        left = self._clock.seconds_left
        return f", {duration(left)} left" if left else ""


class JsonLines:
    """One JSON object on standard error for every event, steps at most ten a second in all."""

    def started(self, overview: Overview) -> None:
        self._clock = Clock(overview)
        self._spoke = 0.0
        record = {"jobs": overview.jobs, "done": overview.done, "tflop": overview.tflop, "ranks": overview.ranks}
        console.note_json({"type": "started", **record})

    def opening(self, job: Job, rank: int = 0) -> None: ...

    def job_started(self, job: Job, rank: int = 0) -> None:
        self._clock.started(rank)
        console.note_json({"type": "job_started", "name": job.name, "job": job.id, "steps": job.steps, "rank": rank})

    def step(self, job: Job, done: int, rank: int = 0) -> None:
        self._clock.step(job, done, rank)
        if done == job.steps or time.monotonic() - self._spoke >= _JSON_EVERY:
            self._spoke = time.monotonic()
            left = self._clock.seconds_left
            console.note_json({"type": "step", "job": job.id, "step": done, "rank": rank, "seconds_left": left})

    def job_finished(self, outcome: Outcome) -> None:
        self._clock.finished(outcome)
        status, left = outcome.status.value, self._clock.seconds_left
        record = {"job": outcome.job.id, "status": status, "rank": outcome.rank, "seconds_left": left}
        console.note_json({"type": "job_finished", **record})

    def noticed(self, text: str) -> None:
        console.note_json({"type": "notice", "text": text})


class Silence:
    """Shows nothing but what went wrong on the way."""

    def started(self, overview: Overview) -> None: ...
    def opening(self, job: Job, rank: int = 0) -> None: ...
    def job_started(self, job: Job, rank: int = 0) -> None: ...
    def step(self, job: Job, done: int, rank: int = 0) -> None: ...
    def job_finished(self, outcome: Outcome) -> None: ...

    def noticed(self, text: str) -> None:
        console.note(text)


def duration(seconds: float) -> str:
    """Words for a length of time: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_rest = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_rest} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def stopwatch(seconds: float) -> str:
    """A length of time where there is little room: 0:12, 3:20, 2:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_rest = divmod(minutes, 60)
    return f"{hours}:{minutes_rest:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def counted(mode: str, what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show inside the block how many of `total` are done; what is yielded is called with the name of each."""
    if mode == "auto" and console.verbosity() >= 0 and console.animated():
        with _counting_bar(what, total) as advance:
            yield advance
    elif mode == "none" or console.verbosity() < 0:
        yield lambda name: None
    else:
        yield _counting_lines(what, total, as_json=mode == "json")


@contextlib.contextmanager
def _counting_bar(what: str, total: int) -> Iterator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
    bars = Progress(*columns, TimeRemainingColumn(), expand=True, auto_refresh=False)
    task = bars.add_task(what, total=total)
    with console.live(bars):
        yield lambda name: bars.update(task, advance=1, description=name)


@contextlib.contextmanager
def transferred(mode: str, total: int) -> Iterator[Callable[[str, int], None]]:
    """Show inside the block how many of `total` bytes have come; what is yielded is called with a file's name and the
    bytes of it that have come since."""
    if mode == "auto" and console.verbosity() >= 0 and console.animated():
        with _transfer_bar(total) as advance:
            yield advance
    elif mode == "none" or console.verbosity() < 0:
        yield lambda name, size: None
    else:
        yield _transfer_lines(total, as_json=mode == "json")


@contextlib.contextmanager
def _transfer_bar(total: int) -> Iterator[Callable[[str, int], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.table import Column

    name = TextColumn("{task.description}", table_column=Column(ratio=2, no_wrap=True, overflow="ellipsis"))
    bar = BarColumn(bar_width=None, table_column=Column(ratio=1))
    columns = (name, bar, DownloadColumn(), TransferSpeedColumn())
    bars = Progress(*columns, TimeRemainingColumn(), expand=True, auto_refresh=False)
    task = bars.add_task("", total=total)
    with console.live(bars):
        yield lambda name, size: bars.update(task, advance=size, description=name)


def _transfer_lines(total: int, *, as_json: bool) -> Callable[[str, int], None]:
    began = spoke = time.monotonic()
    done = 0

    def advance(name: str, size: int) -> None:
        nonlocal spoke, done
        done += size
        now = time.monotonic()
        if done < total and now - spoke < (_JSON_EVERY if as_json else _PLAIN_EVERY):
            return
        spoke, left = now, (now - began) / done * (total - done)
        if as_json:
            record = {"bytes": done, "of": total, "name": name, "seconds_left": left}
            console.note_json({"type": "transfer", **record})
        else:
            console.note(f"{100 * done / total:.1f} % fetched, at {name}, {duration(left)} left")

    return advance


def _counting_lines(what: str, total: int, *, as_json: bool) -> Callable[[str], None]:
    began = spoke = time.monotonic()
    done = 0

    def advance(name: str) -> None:
        nonlocal spoke, done
        done += 1
        now = time.monotonic()
        if done < total and now - spoke < (_JSON_EVERY if as_json else _PLAIN_EVERY):
            return
        spoke, left = now, (now - began) / done * (total - done)
        if as_json:
            console.note_json({"type": "progress", "done": done, "of": total, "name": name, "seconds_left": left})
        else:
            console.note(f"[{done}/{total}] {what}, {duration(left)} left")

    return advance
