"""`contextgen bench`: how good a model is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from contextgen_cli.app import bench, calibrate
from contextgen_cli.app.bench import FIGURES, SHEET, Asked, Bench
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.adapter_option import PUT_ON
from contextgen_cli.commands.shared.namesakes import tell_namesake
from contextgen_cli.commands.shared.options import MODEL, PICTURES, SAMPLING, SCENES, gather, option
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED, ContextgenError
from contextgen_cli.models.numerics import ABLATIONS, DTYPES, AdapterChoice, Settings
from contextgen_cli.models.threads import compute_here
from contextgen_cli.scene.limits import LARGEST_STEPS
from contextgen_cli.terminal import console, interruption, progress
from contextgen_cli.terminal.sink import Output

_CALIBRATION_SCENES = 12


@dataclass(frozen=True)
class Tested:
    """Which model, and where it computes."""

    model: str | None
    adapters: tuple[AdapterChoice, ...] | None
    dtype: str | None
    device: str | None
    threads: int | None
    offline: bool

    def settings(self) -> Settings:
        """The same as rendering takes it."""
        dtype = () if self.dtype is None else (("dtype", self.dtype),)
        return Settings(self.model, self.adapters, self.device, offline=self.offline, numerics=dtype)

    def take_threads(self) -> None:
        """Let this process compute with so many; where others leave it fewer, that is said: it takes its time."""
        taken = compute_here(self.threads)
        if taken.fewer:
            console.note(str(taken))


@dataclass(frozen=True)
class BenchReporting:
    """How it is told."""

    output: Path | None
    sink: Output
    progress: str


tested_options = gather(
    Tested,
    "tested",
    options.model_option,
    PUT_ON,
    option("--dtype", type=click.Choice(list(DTYPES)), section=MODEL, help="Number format; by default the device's."),
    option(
        "--device",
        metavar="NAME",
        section=MODEL,
        help="cuda, cuda:1, xpu, mps or cpu; by default the fastest there is.",
    ),
    options.threads_option,
    options.offline_option,
)
bench_reporting_options = gather(
    BenchReporting,
    "reporting",
    option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        section=PICTURES,
        help=f"Write {FIGURES} and a {SHEET} of layout, picture and truth.",
    ),
    options.sink_option,
    options.progress_option,
)


def asked_options(benchmark: str) -> options.Decorator:
    """How much of a benchmark can be asked for."""
    listing = bench.benchmarks()[benchmark]
    quick = listing.quick
    return gather(
        Asked,
        "asked",
        option(
            "--level",
            type=click.Choice(listing.levels),
            multiple=True,
            section=SCENES,
            help="Repeatable; by default all.",
        ),
        option(
            "--scenes",
            metavar="N",
            type=click.IntRange(1),
            section=SCENES,
            help=f"Scenes of each level; by default {listing.usual.scenes}.",
        ),
        option(
            "--steps", metavar="N", type=click.IntRange(1, LARGEST_STEPS), section=SAMPLING, help="Denoising steps."
        ),
        option(
            "--ablation",
            type=click.Choice([*ABLATIONS, "all"]),
            multiple=True,
            section=SAMPLING,
            help="Also the same weights with a part of the method switched off; repeatable.",
        ),
        option(
            "--quick",
            is_flag=True,
            section=SCENES,
            help=f"{quick.scenes} scenes of {' and '.join(quick.levels)}, {quick.steps} steps.",
        ),
    )


class BenchGroup(options.SectionedGroup):
    """The library's benchmarks, each a command of its name, beside the commands of this group's own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*bench.benchmarks(), *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return benchmark_command(cmd_name) if cmd_name in bench.benchmarks() else super().get_command(ctx, cmd_name)


@click.group(
    cls=BenchGroup,
    epilog="\b\nExamples:\n  contextgen bench synthetic --quick\n  contextgen bench synthetic --help\n"
    "  contextgen bench calibrate --model ./model\n",
)
def command() -> None:
    """Measure how good a model is."""


def benchmark_command(name: str) -> click.Command:
    """The command that measures a model by one benchmark."""

    @click.command(name, cls=options.SectionedCommand, help=bench.benchmarks()[name].help)
    @asked_options(name)
    @tested_options
    @bench_reporting_options
    @options.console_options
    def measure(asked: Asked, tested: Tested, reporting: BenchReporting) -> int:
        # 1. Refuse what would have no good end.
        if reporting.output is not None:
            bench.refuse_earlier_figures(reporting.output)
        # 2. Open the model.
        console.adopt_logging()
        tell_namesake(tested.model)
        tested.take_threads()
        opened = Bench(tested.settings(), asked.trial(name))
        # 3. Measure.
        began = time.monotonic()
        code = run(opened, reporting)
        # 4. Tell.
        return report(opened, time.monotonic() - began, code, reporting)

    return measure


def run(opened: Bench, reporting: BenchReporting) -> int:
    """Measure to the end, and return the exit code."""
    try:
        with progress.counted(reporting.progress, "pictures", opened.pictures) as advance:
            advance = _heeding_interruptions(advance)
            for result in opened.measure():
                advance(f"{result.case}: {result.system}")
    except KeyboardInterrupt:
        console.note("interrupted: the figures are of what was measured by then")
        return EXIT_INTERRUPTED
    except ContextgenError as problem:
        console.error(problem)
        return problem.exit_code
    return EXIT_DONE


def report(opened: Bench, seconds: float, code: int, reporting: BenchReporting) -> int:
    """Write the metrics: a table for a person, JSON lines for a program, files if asked for; returns the exit code."""
    results, sink = len(opened.results), reporting.sink
    paths = opened.save(reporting.output) if reporting.output is not None and results else []
    if sink.as_json:
        for record in opened.records():
            sink.item({"type": "row", **record})
    else:
        for table in opened.tables():
            sink.table([], table.columns, table.rows, heading=table.heading)
        for path in paths:
            console.note(f"wrote {path}")
    ending = {"pictures": results, "files": [str(path) for path in paths], "seconds": round(seconds, 3)}
    text = f"{results} pictures measured in {progress.duration(seconds)}"
    return sink.summary({**opened.setting(), **ending}, text=text, exit_code=code)


calibration_options = gather(
    BenchReporting,
    "reporting",
    option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        section=PICTURES,
        help="Write the card there; by default into the model's folder, which must be yours.",
    ),
    options.sink_option,
    options.progress_option,
)


@command.command("calibrate", cls=options.SectionedCommand)
@option(
    "--scenes",
    metavar="N",
    type=click.IntRange(1),
    default=_CALIBRATION_SCENES,
    show_default=True,
    section=SCENES,
    help="Scenes to measure on.",
)
@tested_options
@calibration_options
@options.console_options
def calibrate_command(scenes: int, tested: Tested, reporting: BenchReporting) -> int:
    """Measure what `render --cache-steps mag` must know of a model, and write it into the model's card.

    Scenes are painted on the canvas and with the steps of the card, contextgen.json in the model's folder, and the
    mag_ratios found are written there; all its other keys stay. Run it again whenever the weights or the adapter
    change.

    The card is a part of the model by which finished pictures are known: once it is written, the next run renders
    them again.
    """
    # 1. Refuse what could not be written in the end.
    card = calibrate.card_to_write(tested.model, reporting.output)
    # 2. Open the model.
    console.adopt_logging()
    tested.take_threads()
    opened = bench.open_model(tested.settings())
    # 3. Measure.
    began = time.monotonic()
    with progress.counted(reporting.progress, "scenes", scenes) as advance:
        ratios = calibrate.measure(opened, scenes, _heeding_interruptions(advance))
    # 4. Write, and tell.
    calibrate.write(card, opened.model.backend.folder, ratios)
    ending = {"mag_ratios": ratios, "file": str(card), "seconds": round(time.monotonic() - began, 3)}
    record = {**opened.record(), "scenes": scenes, **ending}
    code = reporting.sink.summary(record, result=str(card), exit_code=EXIT_DONE)
    place = (
        "the model's card is another now"
        if reporting.output is None
        else "once it is contextgen.json in the model's folder"
    )
    console.note(f"{place}: pictures that this model has painted will be rendered again")
    return code


def _heeding_interruptions(advance: Callable[[str], None]) -> Callable[[str], None]:
    """Advance, unless there was an interruption that a library has swallowed."""

    def heeding(name: str) -> None:
        if interruption.heard():
            raise KeyboardInterrupt
        advance(name)

    return heeding
