"""`contextgen import`: other tools' files -> scene files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from contextgen_cli.commands.shared.options import console_options, option, size_option, verb
from contextgen_cli.errors import EXIT_DONE, EXIT_JOBS_FAILED, EXIT_USAGE, SceneError, UsageError
from contextgen_cli.records.output import STDOUT, is_other_file, write
from contextgen_cli.scene.check.problems import Problem, shown
from contextgen_cli.scene.imports import formats
from contextgen_cli.scene.imports.formats import FORMATS
from contextgen_cli.scene.imports.imported import Format, Imported, Target
from contextgen_cli.scene.imports.outlines import MaskDrawing
from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.scene import Size
from contextgen_cli.scene.writing import to_yaml
from contextgen_cli.terminal import console

_LISTED = 10  # of a kind, that are told one by one
_ALL = "list"
_MISSING = "no-such-image"


def _format(ctx: click.Context, param: click.Parameter, value: str | None) -> Format | None:
    """The format of a name; without one, all are listed."""
    if value == _ALL:
        rows = [(each.name, each.reads) for each in FORMATS]
        console.emit_table(("format", "what is read"), rows, yielding=("what is read",))
        ctx.exit(EXIT_DONE)
    found = formats.named(value) if value is not None else None
    if value is not None and found is None:
        near = formats.near(value)
        names = ", ".join(each.name for each in FORMATS)
        raise click.BadParameter(f"{value!r} is none of {names}." + (f" Did you mean {near!r}?" if near else ""))
    return found


@dataclass(frozen=True)
class _Outcome:
    """What all files came to; `failed` of them made nothing."""

    scenes: tuple[Imported, ...]
    left_out: tuple[str, ...]
    failed: int


@verb(
    name="import",
    examples="""
contextgen import --format
contextgen import segment_info.json -o scenes
contextgen import mig_bench_anno.yaml -o mig
contextgen import cvat/*.xml --images photos -o scenes
contextgen import demo.json -o - | contextgen validate -
""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    help="The folder for the scenes; - writes them to standard output.",
)
@option(
    "--format",
    "format_",
    metavar="[NAME]",
    is_flag=False,
    flag_value=_ALL,
    is_eager=True,
    callback=_format,
    help="What the files are; without it, told by their content. Without a name, lists what is read.",
)
@option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the pictures are, if not where the files say.",
)
@size_option
@option("--force", is_flag=True, help="Overwrite scenes and masks that are there.")
@console_options
def command(
    files: tuple[Path, ...], output: str, format_: Format | None, images: Path | None, size: Size | None, force: bool
) -> int:
    """Turn other tools' files into scene files, one for each picture.

    Pictures stay where they are; the scenes name them by relative paths. Masks are drawn from outlines into DIR/refs.
    What cannot be taken is left out, and said by name; a picture that is not there is asked for.

    Exit code 0: all is taken, and the scenes are valid; 1: something is left out, missing or not valid; 2: nothing
    could be taken.
    """
    to_stdout = output == STDOUT
    folder = Path.cwd() if to_stdout else _folder(output)
    outcome = _read(files, Target(folder, size, images and images.absolute()), format_)
    if not outcome.scenes:
        return EXIT_USAGE
    problems = _print(outcome.scenes, folder) if to_stdout else _write(outcome.scenes, folder, force=force)
    is_complete = _tell(outcome, problems)
    return EXIT_DONE if is_complete else EXIT_JOBS_FAILED


def _folder(output: str) -> Path:
    folder = Path(output).absolute()
    if is_other_file(folder):
        raise UsageError(f"{output}: scenes go into a folder", hint="Name a folder, or - for standard output.")
    return folder


def _read(files: Sequence[Path], target: Target, wanted: Format | None) -> _Outcome:
    """The scenes of all files; one that makes none is told at once, and costs no other."""
    scenes: list[Imported] = []
    left_out: list[str] = []
    failed = 0
    for file in files:
        try:
            found = formats.read(file.absolute(), target, wanted)
        except SceneError as error:
            console.error(error)
            failed += 1
        else:
            scenes += found.scenes
            left_out += [*found.left_out, *(line for scene in found.scenes for line in scene.left_out)]
    return _Outcome(tuple(scenes), tuple(left_out), failed)


def _print(scenes: Sequence[Imported], folder: Path) -> tuple[Problem, ...]:
    """Write the scenes to standard output, with paths from here; the problems that they have."""
    if any(found.masks for found in scenes):
        hint = "Give a folder: contextgen import … -o scenes && contextgen render scenes"
        raise UsageError("masks have to be drawn, which need a place", hint=hint)
    text = "".join(f"---\n{to_yaml(found.scene, folder)}" for found in scenes)
    console.emit(text.removesuffix("\n"))
    return load([STDOUT], LoadOptions(), stdin=io.StringIO(text)).errors


def _write(scenes: Sequence[Imported], folder: Path, *, force: bool) -> tuple[Problem, ...]:
    """Write the scenes and their masks; the problems that they have."""
    files = {folder / f"{found.scene.name}.yaml": found for found in scenes}
    if not force:
        _refuse_to_overwrite([*files, *(mask.path for found in scenes for mask in found.masks)])
    for path, found in files.items():
        for mask in found.masks:
            write(mask.path, _png(mask))
        write(path, to_yaml(found.scene, path.parent, named=False).encode())
        console.emit(shown(path))
    return load([str(path) for path in files], LoadOptions()).errors


def _refuse_to_overwrite(paths: Iterable[Path]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        hint = "Choose another folder, or overwrite with --force."
        raise UsageError(f"{shown(there[0])}{more} exists already", hint=hint)


def _png(mask: MaskDrawing) -> bytes:
    data = io.BytesIO()
    mask.drawn().save(data, "PNG")
    return data.getvalue()


def _tell(outcome: _Outcome, problems: Sequence[Problem]) -> bool:
    """Say what is worth knowing; whether all was taken and nothing is missing."""
    _list([note for found in outcome.scenes for note in found.notes], console.note, "remarks")
    _list(outcome.left_out, console.warn, "left out")
    missing = list(dict.fromkeys(path for found in outcome.scenes for path in _missing(found)))
    if missing:
        count = len(missing)
        console.warn(f"{count} file{'s' * (count > 1)} to be put there before the scenes can be rendered:")
        _list([f"  {shown(path)}" for path in missing], console.note, "files (`contextgen validate` lists all)")
    others = [problem for problem in problems if problem.code != _MISSING]
    console.problems(others[:_LISTED])
    if len(others) > _LISTED:
        console.note(f"and {len(others) - _LISTED:,} more problems (`contextgen validate` lists all)")
    return not (outcome.left_out or outcome.failed or missing or others)


def _missing(found: Imported) -> list[Path]:
    drawn = {mask.path for mask in found.masks}
    return [path for path in found.scene.files if path not in drawn and not os.path.exists(path)]  # noqa: PTH110


def _list(lines: Sequence[str], say: Any, what: str) -> None:
    for line in lines[:_LISTED]:
        say(line)
    if len(lines) > _LISTED:
        console.note(f"  and {len(lines) - _LISTED:,} more {what}")
