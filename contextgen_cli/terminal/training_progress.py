"""How a training run is shown: moving bars on a terminal, plain lines elsewhere, JSON lines, or nothing.

Each display is a `contextgen.training.callbacks.Watcher`; all of them write through `contextgen_cli.terminal.console`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from contextgen_cli.terminal import console
from contextgen_cli.terminal.progress import duration, stopwatch

if TYPE_CHECKING:
    from rich.progress import Progress

    from contextgen.training.callbacks import StepRecord, Watcher

_PLAIN_EVERY = 15.0  # seconds between two lines
_JSON_EVERY = 0.1
_ROOMY = 80  # columns
_MEMORY = 0.05  # weight of the newest step in the loss and the pace that are shown


@contextlib.contextmanager
def display(mode: str, stop_asked: Callable[[], bool], *, speaks: bool) -> Iterator[Watcher]:
    """Show the run inside the block in the `mode` asked for; only the process that `speaks` shows anything."""
    if not speaks or mode == "none" or console.verbosity() < 0:
        yield TrainingSilence(stop_asked)
    elif mode == "auto" and console.animated():
        with TrainingBars.shown(stop_asked) as bars:
            yield bars
    elif mode == "json":
        yield TrainingJsonLines(stop_asked)
    else:
        yield TrainingLines(stop_asked)


class TrainingSilence:
    """Shows nothing."""

    def __init__(self, stop_asked: Callable[[], bool]) -> None:
        self._stop_asked = stop_asked

    def stage_started(self, name: str, done: int, steps: int) -> None: ...
    def stepped(self, record: StepRecord) -> None: ...
    def told(self, words: str) -> None: ...

    def stop_asked(self) -> bool:
        return self._stop_asked()


class Pace:
    """Loss, samples a second and time left, calmed over the last steps."""

    def __init__(self) -> None:
        self.loss = self.samples_per_second = self._seconds = 0.0
        self._steps = 0

    def take(self, record: StepRecord) -> None:
        self._steps += 1
        share = max(_MEMORY, 1 / self._steps)
        self.loss += share * (record.loss - self.loss)
        self._seconds += share * (record.seconds - self._seconds)
        self.samples_per_second += share * (record.samples_per_second - self.samples_per_second)
        self.seconds_left = (record.stage_steps - record.stage_step) * self._seconds


class TrainingLines(TrainingSilence):
    """A line now and then, and for everything that is saved."""

    def stage_started(self, name: str, done: int, steps: int) -> None:
        self._pace = Pace()
        self._spoke = 0.0
        console.note(f"{name}: step {done} of {steps}")

    def stepped(self, record: StepRecord) -> None:
        self._pace.take(record)
        if time.monotonic() - self._spoke >= _PLAIN_EVERY or record.stage_step == record.stage_steps:
            self._spoke = time.monotonic()
            place = f"{record.stage}: step {record.stage_step} of {record.stage_steps}"
            pace = f"loss {self._pace.loss:.4g}, {self._pace.samples_per_second:.3g} samples/s"
            console.note(f"{place}, {pace}, {duration(self._pace.seconds_left)} left")

    def told(self, words: str) -> None:
        console.note(words)


class TrainingBars(TrainingSilence):
    """A bar for each stage at the foot of the terminal, with loss, pace (where there is room) and time left."""

    def __init__(self, stop_asked: Callable[[], bool], progress: Progress, *, roomy: bool) -> None:
        super().__init__(stop_asked)
        self._progress = progress
        self._roomy = roomy

    @classmethod
    @contextlib.contextmanager
    def shown(cls, stop_asked: Callable[[], bool]) -> Iterator[TrainingBars]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.table import Column

        name = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
        bar = BarColumn(bar_width=None, table_column=Column(ratio=1))
        roomy = console.size()[0] >= _ROOMY
        pace = TextColumn("{task.fields[pace]}", table_column=Column(no_wrap=True, width=46 if roomy else 27))
        progress = Progress(name, bar, MofNCompleteColumn(), pace, expand=True, auto_refresh=False)
        with console.live(progress):
            yield cls(stop_asked, progress, roomy=roomy)

    def stage_started(self, name: str, done: int, steps: int) -> None:
        self._pace = Pace()
        self._task = self._progress.add_task(name, completed=done, total=steps, pace="")

    def stepped(self, record: StepRecord) -> None:
        self._pace.take(record)
        pace = f"  {self._pace.samples_per_second:.3g} samples/s" if self._roomy else ""
        words = f"loss {self._pace.loss:.4g}{pace}  {stopwatch(self._pace.seconds_left)} left"
        self._progress.update(self._task, completed=record.stage_step, pace=words)

    def told(self, words: str) -> None:
        console.note(words)


class TrainingJsonLines(TrainingSilence):
    """One JSON object on standard error for every event, steps at most ten a second."""

    def stage_started(self, name: str, done: int, steps: int) -> None:
        self._pace = Pace()
        self._spoke = 0.0
        console.note_json({"type": "stage_started", "stage": name, "step": done, "steps": steps})

    def stepped(self, record: StepRecord) -> None:
        self._pace.take(record)
        if record.stage_step == record.stage_steps or time.monotonic() - self._spoke >= _JSON_EVERY:
            self._spoke = time.monotonic()
            console.note_json({"type": "step", **record.as_json, "seconds_left": self._pace.seconds_left})

    def told(self, words: str) -> None:
        console.note_json({"type": "note", "message": words})
