"""`contextgen train`: a training file -> a model or an adapter."""

from __future__ import annotations

import contextlib
import time
from itertools import count
from pathlib import Path

import click

from contextgen_cli.app import train, training_file
from contextgen_cli.commands.shared.options import (
    MODEL,
    console_options,
    option,
    progress_option,
    sink_option,
    threads_option,
    verb,
)
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE
from contextgen_cli.terminal import console, interruption, training_progress
from contextgen_cli.terminal.progress import duration
from contextgen_cli.terminal.sink import Output


@verb(
    examples="""
contextgen train run.yaml
contextgen train run.yaml --fresh
contextgen train run.yaml --json
"""
)
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG")
@option("--fresh", is_flag=True, section=MODEL, help="Begin anew; what an earlier run has written is moved aside.")
@option("--device", type=click.Choice(["auto", "cpu"]), default="auto", section=MODEL, help="auto: the fastest.")
@threads_option
@sink_option
@progress_option
@console_options
def command(config: Path, fresh: bool, device: str, threads: int | None, sink: Output, progress: str) -> int:
    """Train a model, or an adapter, as CONFIG says.

    The same command goes on where it was stopped, by Ctrl-C or by a crash: with one process and one number of
    --threads, to the same bits.
    Whatever is written lies in the `output` folder that CONFIG names; the path of the finished model goes to
    standard output. Ctrl-C saves before it ends; a second one does not wait.

    On several GPUs: `torchrun --nproc-per-node 4 -m contextgen_cli train CONFIG`, or `accelerate launch` likewise.
    """
    # 1. Read and check the file.
    read = training_file.read(config)
    if read.values is None:
        console.problems(read.problems)
        return EXIT_USAGE
    on_cpu = device == "cpu"
    speaks = train.is_main_process(on_cpu=on_cpu)
    if speaks:
        console.problems(read.problems)
    told = train.configuration(read.values, config.parent)
    console.adopt_logging()
    # 2. Make room, if it is to begin anew.
    if fresh and speaks and told.output.exists():
        with train.alone(told.output):
            console.note(f"moved the earlier run to {moved_aside(told.output)}")
    # 3. Train.
    taken = train.take_threads(threads)
    if speaks and taken.fewer:
        console.note(str(taken))
    began = time.monotonic()
    with contextlib.ExitStack() as held:
        if speaks:
            held.enter_context(train.alone(told.output))
        stop_asked = held.enter_context(interruption.noted())
        watcher = held.enter_context(training_progress.display(progress, stop_asked, speaks=speaks))
        ended = train.run(told, watcher, on_cpu=on_cpu)
    # 4. Say how it ended.
    code = EXIT_INTERRUPTED if ended.how == "stopped" else EXIT_DONE
    if speaks:
        sum_up(ended, time.monotonic() - began, code, sink)
    return code


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
