"""`contextgen train`: a training file -> a model or an adapter."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import click

from contextgen_cli.app import train, training_file
from contextgen_cli.commands.shared.options import (
    MODEL,
    Assignment,
    console_options,
    gather,
    option,
    progress_option,
    sink_option,
    threads_option,
    verb,
)
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE, ContextgenError
from contextgen_cli.terminal import console, interruption, training_progress
from contextgen_cli.terminal.progress import duration
from contextgen_cli.terminal.sink import Output


@dataclass(frozen=True)
class Machine:
    """What trains."""

    device: str
    threads: int | None

    @property
    def on_cpu(self) -> bool:
        return self.device == "cpu"


machine_options = gather(
    Machine,
    "machine",
    option("--device", type=click.Choice(["auto", "cpu"]), default="auto", section=MODEL, help="auto: the fastest."),
    threads_option,
)


@verb(
    examples="""
contextgen init run.yaml --train
contextgen train run.yaml
contextgen train run.yaml --set stages.0.steps=200
contextgen train run.yaml --fresh
contextgen train run.yaml --json
"""
)
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG")
@option(
    "--set",
    "assignments",
    type=Assignment(),
    multiple=True,
    section=MODEL,
    help="Set a key of CONFIG, such as stages.0.steps=200; repeatable.",
)
@option("--fresh", is_flag=True, section=MODEL, help="Begin anew; what an earlier run has written is moved aside.")
@machine_options
@sink_option
@progress_option
@console_options
def command(
    config: Path,
    assignments: tuple[tuple[str, object], ...],
    fresh: bool,
    machine: Machine,
    sink: Output,
    progress: str,
) -> int:
    """Train a model, or an adapter, as CONFIG says.

    The same command goes on where it was stopped, by Ctrl-C or by a crash: with one process and one number of
    --threads, to the same bits.
    Whatever is written lies in the `output` folder that CONFIG names; the path of the finished model goes to
    standard output. Ctrl-C saves before it ends; a second one does not wait. `contextgen init --train` writes a
    CONFIG to begin with.

    On several GPUs: `torchrun --nproc-per-node 4 -m contextgen_cli train CONFIG`, or `accelerate launch` likewise.
    """
    # 1. Read and check the file.
    read = training_file.read(config, assignments)
    if read.values is None:
        console.problems(read.problems)
        return EXIT_USAGE
    speaks = train.is_main_process(on_cpu=machine.on_cpu)
    if speaks:
        console.problems(read.problems)
    told = train.configuration(read.values, config.parent)
    console.adopt_logging()
    # 2. Make room, if it is to begin anew.
    if fresh and speaks and told.output.exists():
        with train.alone(told.output):
            console.note(f"moved the earlier run to {moved_aside(told.output)}")
    # 3. Train.
    taken = train.take_threads(machine.threads)
    if speaks and taken.fewer:
        console.note(str(taken))
    began = time.monotonic()
    with contextlib.ExitStack() as held:
        if speaks:
            held.enter_context(train.alone(told.output))
        stop_asked = held.enter_context(interruption.noted())
        watcher = held.enter_context(training_progress.display(progress, stop_asked, speaks=speaks))
        if speaks:
            watcher.told(train.outlook(told))
            held.callback(tell_curves, partial(train.draw_curves, told), watcher.told)  # however the run ends
        try:
            ended = train.run(told, watcher, on_cpu=machine.on_cpu)
        except KeyboardInterrupt:  # the second
            watcher.told("interrupted: the same command goes on from the last checkpoint")
            return EXIT_INTERRUPTED
    # 4. Say how it ended.
    code = EXIT_INTERRUPTED if ended.how == "stopped" else EXIT_DONE
    if speaks:
        sum_up(ended, time.monotonic() - began, code, sink)
    return code


def tell_curves(draw: Callable[[], Path | None], tell: Callable[[str], None]) -> None:
    """Draw the run's curves; where that fails the run is none the worse."""
    try:
        curves = draw()
    except ContextgenError as problem:
        console.warn(f"no curves: {problem.message}")
        return
    if curves is not None:
        tell(f"drew {curves}")


def moved_aside(output: Path) -> Path:
    """Rename an earlier run's output to the first free name, and return that."""
    free = next(path for number in count(1) if not (path := output.with_name(f"{output.name}.{number}")).exists())
    output.rename(free)
    return free


def sum_up(ended: train.Ended, seconds: float, code: int, sink: Output) -> None:
    """Write how a run ended, and where its result lies if it has come to one."""
    result = str(ended.result) if code == EXIT_DONE else None
    words = "the same command goes on from here" if result is None else f"in {duration(seconds)}"
    text = f"{ended.how}: {words}" if ended.how == "stopped" else f"{ended.how} {words}"
    record = {"status": ended.how, "result": result, "seconds": round(seconds, 3)}
    sink.summary(record, result=result, text=text, exit_code=code)
