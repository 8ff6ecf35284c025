"""`contextgen bench`: how good a model is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click

from contextgen_cli.app.bench import (
    ABLATIONS,
    FIGURES,
    LEVELS,
    SHEET,
    Bench,
    Trial,
    known,
    refuse_earlier_figures,
    save,
)
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.options import MODEL, PICTURES, SAMPLING, SCENES, gather, option
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED, ContextgenError
from contextgen_cli.models.numerics import DTYPES, Settings
from contextgen_cli.scene.limits import LARGEST_STEPS
from contextgen_cli.terminal import console, interruption, progress

_QUICK = Trial(levels=("plain", "silhouette"), scenes=16, steps=6)


@dataclass(frozen=True)
class Extent:
    """How much to measure, as asked for."""

    level: tuple[str, ...]
    scenes: int | None
    steps: int | None
    ablation: tuple[str, ...]
    quick: bool

    def trial(self) -> Trial:
        """What that comes to: an option beats `--quick`, which beats the defaults."""
        usual = _QUICK if self.quick else Trial()
        return Trial(
            levels=tuple(dict.fromkeys(self.level)) or usual.levels,
            scenes=self.scenes or usual.scenes,
            steps=self.steps or usual.steps,
            ablations=known(self.ablation),
        )


@dataclass(frozen=True)
class Tested:
    """Which model, and where it computes."""

    model: str | None
    adapter: str | None
    dtype: str | None
    device: str | None
    offline: bool

    def settings(self) -> Settings:
        """The same as rendering takes it."""
        dtype = () if self.dtype is None else (("dtype", self.dtype),)
        return Settings(self.model, self.adapter, self.device, offline=self.offline, numerics=dtype)


@dataclass(frozen=True)
class Telling:
    """How it is told."""

    output: Path | None
    as_json: bool
    progress: str


extent_options = gather(
    Extent,
    "extent",
    option("--level", type=click.Choice(LEVELS), multiple=True, section=SCENES, help="Repeatable; by default all."),
    option(
        "--scenes",
        metavar="N",
        type=click.IntRange(1),
        section=SCENES,
        help=f"Scenes of each level; by default {Trial().scenes}.",
    ),
    option("--steps", metavar="N", type=click.IntRange(1, LARGEST_STEPS), section=SAMPLING, help="Denoising steps."),
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
        help=f"{_QUICK.scenes} scenes of {' and '.join(_QUICK.levels)}, {_QUICK.steps} steps.",
    ),
)
tested_options = gather(
    Tested,
    "tested",
    options.model_option,
    option("--adapter", metavar="PATH", section=MODEL, help="Adapter: a file, a folder or a hub id."),
    option("--dtype", type=click.Choice(list(DTYPES)), section=MODEL, help="Number format; by default the device's."),
    option(
        "--device", metavar="NAME", section=MODEL, help="cuda, cuda:1, mps or cpu; by default the fastest there is."
    ),
    options.offline_option,
)
telling_options = gather(
    Telling,
    "telling",
    option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        section=PICTURES,
        help=f"Write {FIGURES} and a {SHEET} of layout, picture and truth.",
    ),
    options.json_option,
    options.progress_option,
)


@click.group(epilog="\b\nExamples:\n  contextgen bench synthetic --quick\n  contextgen bench synthetic --help\n")
def command() -> None:
    """Measure how good a model is."""


@command.command("synthetic", cls=options.SectionedCommand)
@extent_options
@tested_options
@telling_options
@options.console_options
def synthetic(extent: Extent, tested: Tested, telling: Telling) -> int:
    """Measure a model on fixed scenes of objects that no training of ours has seen.

    I-SR is the share of objects that are recognised at their place among all there are, SR that of scenes all
    of whose objects are, each with its 95 % interval; mIoU compares the objects' outlines with the truth's.
    Beside the model stand the truth, the truth through the model's codec, the layout image, and the layout
    pasted on the background asked for. The scenes of blurred, silhouette and absent are the plain ones, but
    for what the layout shows of their objects.
    """
    # 1. Refuse what would have no good end.
    if telling.output is not None:
        refuse_earlier_figures(telling.output)
    # 2. Open the model.
    console.adopt_logging()
    bench = Bench(tested.settings(), extent.trial())
    # 3. Measure.
    began = time.monotonic()
    code = run(bench, telling)
    # 4. Tell.
    tell(bench, time.monotonic() - began, code, telling)
    return code


def run(bench: Bench, telling: Telling) -> int:
    """Measure to the end, and return the exit code."""
    try:
        with progress.counted(telling.progress, "pictures", bench.pictures) as advance:
            for one in bench.measure():
                if interruption.heard():
                    raise KeyboardInterrupt  # that a library swallowed
                advance(f"{one.result.level} {one.result.number}: {one.result.answer}")
    except KeyboardInterrupt:
        console.note("interrupted: the figures are of what was measured by then")
        return EXIT_INTERRUPTED
    except ContextgenError as problem:
        console.error(problem)
        return problem.exit_code
    return EXIT_DONE


def tell(bench: Bench, seconds: float, code: int, telling: Telling) -> None:
    """Write the figures: a table for a person, JSON lines for a program, files if asked for."""
    results = len(bench.findings.results)
    paths = save(telling.output, bench) if telling.output is not None and results else []
    if telling.as_json:
        for record in bench.findings.records():
            console.emit_json({"type": "row", **record})
        files = [str(path) for path in paths]
        ending = {"pictures": results, "files": files, "seconds": round(seconds, 3), "exit": code}
        console.emit_json({"type": "summary", **bench.setting(), **ending})
        return
    for table in bench.findings.tables():
        console.emit_text(table.heading)
        console.emit_table(table.columns, table.rows)
    for path in paths:
        console.note(f"wrote {path}")
    console.note(f"{results} pictures measured in {progress.duration(seconds)}")
