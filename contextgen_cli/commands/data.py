"""`contextgen data`: training sets."""

from __future__ import annotations

from pathlib import Path

import click

from contextgen_cli.app import data
from contextgen_cli.app.data import LEVELS, SPLITS, Wanted
from contextgen_cli.commands.shared.options import (
    SectionedCommand,
    SectionedGroup,
    SizeType,
    console_options,
    option,
    progress_option,
    sink_option,
)
from contextgen_cli.errors import EXIT_DONE
from contextgen_cli.records.output import new_folder
from contextgen_cli.scene.scene import Size
from contextgen_cli.terminal.progress import counted
from contextgen_cli.terminal.sink import Output

GROUP_EXAMPLES = """\b
Examples:
  contextgen data synth -o sets/plain --scenes 1000
  contextgen data synth --help
"""
SYNTH_EXAMPLES = """\b
Examples:
  contextgen data synth -o sets/plain --scenes 1000
  contextgen data synth -o sets/hard --scenes 500 \\
    --level complex --size 384x256 --seed 7
  contextgen data synth -o sets/test --scenes 200 \\
    --split held-out
"""


@click.group(cls=SectionedGroup, epilog=GROUP_EXAMPLES)
def command() -> None:
    """Make training sets."""


@command.command(cls=SectionedCommand, epilog=SYNTH_EXAMPLES)
@option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="The new folder; it appears when all is written.",
)
@option("--scenes", type=click.IntRange(min=1), required=True, help="How many scenes.")
@option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed, the same bytes.")
@option(
    "--level",
    type=click.Choice(LEVELS),
    default="mixed",
    show_default=True,
    help="plain: upright, hardly overlapping; complex: up to 8 objects, hidden and tilted; flexible: mirrored, "
    "turned, in other light; mixed: 5 : 5 : 1 of these.",
)
@option("--size", type=SizeType(), default="256x256", show_default=True, help="The canvas: 64 to 384 pixels a side.")
@option(
    "--split",
    type=click.Choice(SPLITS),
    default="train",
    show_default=True,
    help="held-out: objects that no training sees, to measure on.",
)
@sink_option
@progress_option
@console_options
def synth(output: Path, scenes: int, seed: int, level: str, size: Size, split: str, sink: Output, progress: str) -> int:
    """Write synthetic scenes with captions, references, masks and boxes, in the format of imig-basic.

    `contextgen train` reads the folder as it reads IMIG-100K.
    """
    drawn = data.open_scenes(Wanted(scenes, seed, level, size.width, size.height, split))
    with new_folder(output) as folder, counted(progress, "scenes", scenes) as written:
        data.write_scenes(drawn, folder, written)
    return sink.summary({"scenes": scenes, "path": str(output)}, result=str(output), exit_code=EXIT_DONE)
