"""`contextgen report`: an output folder as one page to look at, and as one picture."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import click

from contextgen_cli import __version__
from contextgen_cli.batch import ledger
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.opening import open_option, show
from contextgen_cli.commands.shared.options import PICTURES, SCENES, gather, option
from contextgen_cli.errors import EXIT_DONE, UsageError
from contextgen_cli.models import catalogue
from contextgen_cli.records.inputs import finder
from contextgen_cli.records.output import is_other_file, write
from contextgen_cli.report import contact_sheet, page
from contextgen_cli.report.entries import UNRECORDED, Entry
from contextgen_cli.report.entries import gather as gather_entries
from contextgen_cli.report.replay_command import ReplayCommands
from contextgen_cli.report.subjects import Subjects
from contextgen_cli.report.thumbnails import look
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output

PAGE = "report.html"
_SIDE, _SMALL_SIDE = 256, 128  # pixels of a thumbnail; small where there are very many
_MANY = 2_000
_MEBIBYTE = 1 << 20
_HEAVY = 64 * _MEBIBYTE  # of a page
_MOST_NAMED = 10  # pictures, each in a warning
_IN_WORDS = {UNRECORDED: "without a readable record"}


@dataclass(frozen=True)
class Writing:
    """Where the report goes, and of what it is."""

    output: Path | None
    contact_sheet: Path | None
    inputs: tuple[Path, ...]
    only: tuple[str, ...]
    hosts: bool
    opens: bool


writing_options = gather(
    Writing,
    "writing",
    option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        section=PICTURES,
        help=f"The page; by default {PAGE} in OUT.",
    ),
    option(
        "--contact-sheet",
        type=click.Path(path_type=Path),
        metavar="PNG",
        section=PICTURES,
        help="Draw one picture of all pictures, too.",
    ),
    options.inputs_option,
    option("--only", multiple=True, metavar="GLOB", section=SCENES, help="Only scenes of such a name; repeatable."),
    option("--hosts", is_flag=True, section=PICTURES, help="Say on which host each picture was painted."),
    open_option,
)


@options.verb(
    examples="""
contextgen report pictures
contextgen report pictures --only 'picnic*'
contextgen report pictures --contact-sheet sheet.png
"""
)
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@writing_options
@options.sink_option
@options.console_options
def command(out: Path, writing: Writing, sink: Output) -> int:
    """Write one HTML page of all pictures in OUT, a folder that render wrote to.

    The page shows every picture with its layout, boxes, references and prompt, and what failed with its reason. It
    needs no network and no server; enlarging a picture needs the picture where it is now, seen from the page. Pictures
    without a readable record stand at its end, counted apart from those that were rendered.
    """
    # 1. Refuse what can have no good end.
    if not out.is_dir():
        raise UsageError(f"{out} is no folder", hint="Name the folder that `contextgen render -o` wrote to.")
    target = writing.output or out / PAGE
    _refuse_other_files(target, writing.contact_sheet)
    # 2. Look at every picture, and read what the ledger says of it.
    told = ledger.read(out)
    for warning in told.warnings:
        console.warn(warning)
    side = _SIDE if len(told.latest) <= _MANY else _SMALL_SIDE
    entries = _chosen(gather_entries(out, told, side, _own(writing.contact_sheet)), writing.only)
    if not entries:
        raise UsageError(f"{out}: nothing to show", hint="There is no picture in it, and no ledger of a run.")
    _warn_of_unrecorded(entries)
    # 3. Write the page, and the sheet.
    html = _page(out, entries, target, writing, side)
    write(target, html.encode("utf-8"))
    if len(html) > _HEAVY:
        console.warn(f"{target} has {len(html) // _MEBIBYTE} MiB: --only GLOB makes a smaller one")
    held = None if writing.contact_sheet is None else _sheet(entries, writing.contact_sheet)
    # 4. Say where they are.
    counts = dict(sorted(Counter(entry.outcome for entry in entries).items()))
    if not sink.as_json:
        console.note(", ".join(f"{count} {_IN_WORDS.get(outcome, outcome)}" for outcome, count in counts.items()))
    sink.item({"type": "report", "path": str(target)}, text=str(target))
    if writing.contact_sheet is not None:
        sheet = str(writing.contact_sheet)
        sink.item({"type": "contact-sheet", "path": sheet, "pictures": held}, text=sheet)
    if writing.opens:
        show(target)
    return sink.summary({"entries": len(entries), **counts}, exit_code=EXIT_DONE)


def _page(out: Path, entries: Sequence[Entry], target: Path, writing: Writing, side: int) -> str:
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    title = os.fsencode(out.resolve().name).decode("utf-8", "replace")
    heading = page.Heading(title, made, __version__, writing.hosts)
    subjects = Subjects(finder([out], writing.inputs), side)
    return page.render(
        entries, heading, subjects, ReplayCommands.of(out, (*catalogue.aliases(), *catalogue.own_adapters())), target
    )


def _sheet(entries: Sequence[Entry], path: Path) -> int:
    """Draw the contact sheet; what is not in it is said."""
    pictures = [(entry.path.name, entry.path) for entry in entries if entry.path is not None and entry.has_picture]
    sheet = contact_sheet.draw(pictures)
    write(path, sheet.png)
    if sheet.held < len(pictures):
        console.warn(f"{path} holds the first {sheet.held} of {len(pictures)} pictures: --only GLOB chooses others")
    without = len(entries) - len(pictures)
    if without:
        console.note(f"{path}: {without} without a picture {'is' if without == 1 else 'are'} not in it")
    return sheet.held


def _warn_of_unrecorded(entries: Sequence[Entry]) -> None:
    """Name the first pictures that nothing readable tells the origin of, and count the others."""
    found = [entry for entry in entries if entry.outcome == UNRECORDED]
    for entry in found[:_MOST_NAMED]:
        console.warn(f"{entry.path}: {entry.record_problem}")
    if (more := len(found) - _MOST_NAMED) > 0:
        console.warn(f"{more} more {'has' if more == 1 else 'have'} no readable record")


def _chosen(entries: Sequence[Entry], only: Sequence[str]) -> list[Entry]:
    return [entry for entry in entries if not only or any(fnmatch.fnmatchcase(entry.scene, glob) for glob in only)]


def _own(sheet: Path | None) -> list[Path]:
    """What is about to be written over is no picture of the run."""
    return [] if sheet is None else [sheet]


def _refuse_other_files(target: Path, sheet: Path | None) -> None:
    if target.is_dir() or (target.suffix and target.suffix.lower() not in (".html", ".htm")):
        instead = f", or draw all pictures into one with --contact-sheet {target}" * (target.suffix.lower() == ".png")
        raise UsageError(f"{target}: the report is an HTML file", hint=f"Name it with .html at its end{instead}.")
    if sheet is not None and (sheet.is_dir() or sheet.suffix.lower() != ".png" or is_other_file(sheet, ".png")):
        raise UsageError(f"{sheet}: a contact sheet is a PNG file", hint="Name it with .png at its end.")
    if sheet is not None and sheet.is_file() and not sheet.is_symlink() and not look(sheet, _SMALL_SIDE).is_sheet:
        raise UsageError(f"{sheet} is there, and no contact sheet", hint="Choose another name for it.")
