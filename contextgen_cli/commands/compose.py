"""`contextgen compose`: scenes -> layout images, without a model."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.options import PICTURES, gather, option
from contextgen_cli.commands.shared.scene_arguments import Checks, load_checked, use_options
from contextgen_cli.errors import (
    EXIT_DONE,
    EXIT_ENVIRONMENT,
    EXIT_JOBS_FAILED,
    EXIT_USAGE,
    EnvironmentProblem,
    UsageError,
)
from contextgen_cli.models import catalogue, renderer
from contextgen_cli.records.output import Destination, encode, write
from contextgen_cli.records.picture_file import job_of
from contextgen_cli.scene.scene import Scene, Size
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Showing:
    """How a layout is shown, beside being written."""

    annotate: bool
    open: bool
    preview: bool


showing_options = gather(
    Showing,
    "showing",
    option("--annotate", is_flag=True, section=PICTURES, help="Draw boxes, names and order on it."),
    option("--open", is_flag=True, section=PICTURES, help="Open it in the image viewer."),
    option("--preview", is_flag=True, section=PICTURES, help="Show it in the terminal, in block characters."),
)


@options.verb(
    examples="""
contextgen compose scenes/picnic.yaml -o layout.png
contextgen compose scenes/ -o layouts --annotate
contextgen compose scenes/picnic.yaml --preview
"""
)
@options.scene_arguments
@option(
    "-o",
    "--output",
    metavar="PATH",
    shell_complete=options.complete_files,
    section=PICTURES,
    help="A .png file (one scene), a folder or - for standard output; without it, SCENE.layout.png here.",
)
@showing_options
@options.size_option
@options.model_option
@use_options
@options.sink_option
@options.console_options
def command(
    scenes: tuple[str, ...],
    output: str | None,
    showing: Showing,
    size: Size | None,
    model: str | None,
    checks: Checks,
    sink: Output,
) -> int:
    """Compose layout images: what the model is given to paint from.

    The layout is an RGBA picture, transparent where nothing is given. References are resized as the model in
    question does it: --model's, else the scene's, else the one that comes with contextgen.
    """
    loaded = load_checked(scenes, checks, sink, model=model, size=size)
    if loaded is None:
        return EXIT_USAGE
    found = loaded.scenes
    only_shown = output is None and (showing.open or showing.preview)
    destination = None if only_shown else Destination.parse(output or ".")
    if destination is not None:
        _refuse_contradictions(destination, sink)
        destination.check(len(found))
    to_open: list[Path] = []
    for scene in found:
        sized = scene if size is None else scene.resized(size)
        layout = renderer.compose(sized, catalogue.backend_for(sized, model))
        shown = _annotated(layout, sized) if showing.annotate else layout
        written = None if destination is None else _put(destination, sized, shown, sink)
        if showing.preview:
            _preview(shown)
        if showing.open:
            to_open.append(written or _put_aside(sized, shown))
    code = _open(to_open, kept=destination is not None and not destination.to_stdout)
    if code == EXIT_DONE and loaded.left_out:
        code = EXIT_JOBS_FAILED
    return sink.summary({"layouts": len(found), "left_out": len(loaded.left_out)}, exit_code=code)


def _refuse_contradictions(destination: Destination, sink: Output) -> None:
    if destination.to_stdout and sink.as_json:
        raise UsageError("--json and -o - both want standard output", hint="Give a file or folder with -o.")
    if destination.to_stdout and console.is_terminal():
        raise UsageError("-o - would write a PNG to the terminal", hint="Send it to a file with > or |.")


def _put(destination: Destination, scene: Scene, layout: Image, sink: Output) -> Path | None:
    if destination.to_stdout:
        console.emit_bytes(encode(layout))
        return None
    path = destination.file or destination.folder / f"{scene.name}.layout.png"
    if path.exists() and any(path.samefile(source) for source in scene.files):
        raise UsageError(f"{path} is one of the scene's own images", hint="Choose another name with -o.")
    if job_of(path) is not None:
        raise UsageError(f"{path} is a painted picture", hint="Choose another name with -o.")
    write(path, encode(layout))
    sink.item({"type": "layout", "scene": scene.name, "path": str(path)}, text=str(path))
    return path


def _put_aside(scene: Scene, layout: Image) -> Path:
    path = Path(tempfile.mkdtemp(prefix="contextgen-")) / f"{scene.name}.layout.png"
    write(path, encode(layout))
    return path


def _annotated(layout: Image, scene: Scene) -> Image:
    from contextgen_cli.terminal.previews import Mark, annotate

    marks = [
        Mark(f"{number} {instance.reference}", instance.box.pixels)
        for number, instance in enumerate(scene.instances, start=1)
    ]
    return annotate(layout, marks)


def _preview(layout: Image) -> None:
    if not console.has_colours():
        console.note("no preview: standard output is no terminal with colours")
        return
    from contextgen_cli.terminal.previews import blocks

    columns, rows = console.size()
    console.emit_rich(blocks(layout, columns, rows - 1))  # the prompt needs a row too


def _open(pictures: Sequence[Path], *, kept: bool) -> int:
    """Show the pictures in the image viewer and return the exit code; what nobody sees stays only if `kept`."""
    for index, picture in enumerate(pictures):
        if _has_display() and click.launch(str(picture)) == 0:
            continue
        if kept:
            console.error(EnvironmentProblem("no image viewer opened", hint=f"The layout is in {picture}."))
        else:
            console.error(EnvironmentProblem("no image viewer opened", hint="Write the layout with -o instead."))
            for unseen in pictures[index:]:
                shutil.rmtree(unseen.parent)
        return EXIT_ENVIRONMENT
    return EXIT_DONE


def _has_display() -> bool:
    """Whether a viewer could draw; where it could not, the one on Linux says so too late for us to hear."""
    return not sys.platform.startswith("linux") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
