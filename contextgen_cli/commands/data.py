"""`contextgen data`: training sets, made or fetched, and whether they are whole."""

from __future__ import annotations

from pathlib import Path

import click

from contextgen_cli.app import data
from contextgen_cli.app.data import LEVELS, SPLITS, Wanted
from contextgen_cli.app.imig.imig_check import Checking
from contextgen_cli.app.imig.imig_fetch import Fetching, sizes
from contextgen_cli.app.imig.imig_plan import SUBSETS
from contextgen_cli.commands.shared import data_output
from contextgen_cli.commands.shared.options import (
    SectionedCommand,
    SectionedGroup,
    SizeType,
    console_options,
    option,
    progress_option,
    sink_option,
)
from contextgen_cli.errors import EXIT_DONE, EXIT_JOBS_FAILED, UsageError
from contextgen_cli.records.output import new_folder, write
from contextgen_cli.report import samples_page
from contextgen_cli.report.samples_page import ShownSample
from contextgen_cli.scene.scene import Size
from contextgen_cli.terminal import console
from contextgen_cli.terminal.progress import counted, transferred
from contextgen_cli.terminal.sink import Output

_SAMPLES = 20
_PAGE = "samples.html"
GROUP_EXAMPLES = """\b
Examples:
  contextgen data synth -o sets/plain --scenes 1000
  contextgen data fetch imig-100k -o IMIG-100K
  contextgen data check IMIG-100K
"""
SYNTH_EXAMPLES = """\b
Examples:
  contextgen data synth -o sets/plain --scenes 1000
  contextgen data synth -o sets/hard --scenes 500 \\
    --level complex --size 384x256 --seed 7
  contextgen data synth -o sets/test --scenes 200 \\
    --split held-out
"""


FETCH_EXAMPLES = """\b
Examples:
  contextgen data fetch imig-100k -o IMIG-100K --dry-run
  contextgen data fetch imig-100k -o IMIG-100K \\
    --subset imig-basic --subset imig-composite
  contextgen data fetch imig-100k -o IMIG-100K \\
    --from downloads
"""
CHECK_EXAMPLES = """\b
Examples:
  contextgen data check IMIG-100K
  contextgen data check IMIG-100K --subset imig-basic
  contextgen data check sets/plain -o plain.html
"""

subset_option = option(
    "--subset",
    "subsets",
    multiple=True,
    type=click.Choice(SUBSETS),
    help="Only this subset; repeatable. By default all four, which the released recipe needs.",
)


@click.group(cls=SectionedGroup, epilog=GROUP_EXAMPLES)
def command() -> None:
    """Make, fetch and check training sets."""


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


@command.command(cls=SectionedCommand, epilog=FETCH_EXAMPLES)
@click.argument("name", metavar="NAME", type=click.Choice(["imig-100k"]))
@option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder of the subsets; what an earlier run brought is not fetched again.",
)
@subset_option
@option(
    "--from",
    "local",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Take the hub's archives from this folder; no network is needed.",
)
@option("--dry-run", is_flag=True, help="Only say what would be fetched, and how large it is.")
@sink_option
@progress_option
@console_options
def fetch(
    name: str,
    output: Path,
    subsets: tuple[str, ...],
    local: Path | None,
    dry_run: bool,
    sink: Output,
    progress: str,
) -> int:
    """Fetch what training reads of IMIG-100K, from the hub or from a folder.

    Archives come one at a time, are held against the checksums that the hub states, and are unpacked into DIR; what has
    been unpacked is not kept twice. The same command goes on where it was stopped, and fetches again what is missing.
    """
    # 1. See what there is, and what is here already.
    fetching = Fetching(output, tuple(dict.fromkeys(subsets)) or SUBSETS, local)
    for plan in fetching.plans:
        data_output.plan(plan, sink)
    absent = sum(len(plan.absent) for plan in fetching.plans)
    code = EXIT_JOBS_FAILED if absent else EXIT_DONE
    nothing = {"files": 0, "pictures": 0, "refused": 0}
    record = {"path": str(output), "bytes": fetching.size_left, "absent": absent, **nothing}
    if not any(plan.left for plan in fetching.plans):
        text = "nothing to do: it is all here" if not absent else "nothing to do"
        return sink.summary(record, result=str(output), text=text, exit_code=code)
    console.note(f"{sizes(fetching.size_left)} to fetch; {sizes(fetching.room)} are free at {output}")
    if dry_run:
        return sink.summary(record, exit_code=code)
    # 2. Fetch the rest.
    with transferred(progress, fetching.size_left) as told:
        came = fetching.run(told)
    for problem in came.refused:
        console.warn(f"{problem.message}. {problem.hint}")
    if came.unread:
        console.note(f"{came.unread:,} files of the archives are left out: training does not read them")
    text = f"{came.pictures:,} pictures; `contextgen data check {output}` looks whether they are all there"
    counts = {"files": came.files, "pictures": came.pictures, "refused": len(came.refused)}
    code = EXIT_JOBS_FAILED if came.refused else code
    return sink.summary({**record, **counts}, result=str(output), text=text, exit_code=code)


@command.command(cls=SectionedCommand, epilog=CHECK_EXAMPLES)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@subset_option
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"The page of samples; by default {_PAGE} in DIR.",
)
@sink_option
@progress_option
@console_options
def check(folder: Path, subsets: tuple[str, ...], output: Path | None, sink: Output, progress: str) -> int:
    """Say what of a training set is whole and what is missing, and draw twenty samples on a page.

    DIR holds the subsets of IMIG-100K, or is one set in such a format. A file is whole if it is there and ends as it
    must; the samples are opened as training opens them. Ends with 1 where something is missing or broken.
    """
    # 1. Hold the files against the lists.
    target = output or folder / _PAGE
    if target.is_dir() or target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{target}: the page is an HTML file", hint="Name it with .html at its end.")
    checking = Checking(folder, tuple(dict.fromkeys(subsets)) or SUBSETS)
    with counted(progress, "records", checking.records) as looked:
        states = list(checking.states(looked))
    # 2. Draw the samples.
    samples = list(checking.samples(_SAMPLES))
    unread = [sample for sample in samples if sample.problem is not None]
    shown = [ShownSample(each.name, each.prompt, each.pictures, each.problem) for each in samples]
    if shown:
        write(target, samples_page.render(folder.resolve().name, shown).encode("utf-8"))
    # 3. Say what was found.
    data_output.states(states, sink)
    for sample in unread:
        console.warn(f"{sample.problem}")
    if shown:
        sink.item({"type": "samples", "path": str(target), "samples": len(shown)}, text=str(target))
    whole = all(state.is_whole for state in states) and not unread
    missing, broken = (sum(map(len, found)) for found in ([s.missing for s in states], [s.broken for s in states]))
    record = {"sets": len(states), "missing": missing, "broken": broken, "unreadable": len(unread)}
    text = "all is whole" if whole else "`contextgen data fetch imig-100k -o DIR` fetches again what is missing"
    return sink.summary(record, text=text, exit_code=EXIT_DONE if whole else EXIT_JOBS_FAILED)
