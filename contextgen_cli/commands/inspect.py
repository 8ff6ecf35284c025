"""`contextgen inspect`: what a picture remembers of the scene that it was painted from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.options import option
from contextgen_cli.errors import EXIT_DONE, EXIT_USAGE, ContextgenError, UsageError
from contextgen_cli.models.numerics import DTYPES
from contextgen_cli.records.output import read_record
from contextgen_cli.records.record import PictureRecord, Weights, parse_record
from contextgen_cli.scene.check.problems import printable
from contextgen_cli.scene.writing import to_yaml
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output


@options.verb(
    examples="""
contextgen inspect outputs/picnic-7.png
contextgen inspect outputs/*.png --json
contextgen inspect picnic-7.png --scene > again.yaml
"""
)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...", type=click.Path(path_type=Path))
@option("--scene", "as_scene", is_flag=True, help="Write the scene back as a scene file.")
@options.sink_option
@options.console_options
def command(pictures: tuple[Path, ...], as_scene: bool, sink: Output) -> int:
    """Show what a picture remembers: its scene, seed, model, versions and inputs.

    With --scene the scene is written as a scene file whose paths are relative to the folder of the first
    scene file: put it there to render the same picture again.
    """
    if as_scene and sink.as_json:
        raise UsageError("--scene and --json are two ways to write one thing", hint="Give one of them.")
    unreadable = 0
    for number, picture in enumerate(pictures):
        try:
            record = read_record(picture)
            told = "" if sink.as_json else _told(picture, record, as_scene=as_scene)
        except ContextgenError as error:
            console.error(error)
            unreadable += 1
            continue
        between = ("---\n" if as_scene else "\n") if number else ""
        ours = {"type": "picture", "path": str(picture)}  # which a record has no say in
        sink.item({**ours, **record, **ours}, text=between + told, folded=not as_scene)
    counts = {"pictures": len(pictures) - unreadable, "unreadable": unreadable}
    return sink.summary(counts, exit_code=EXIT_USAGE if unreadable else EXIT_DONE)


def _told(picture: Path, record: Mapping[str, Any], *, as_scene: bool) -> str:
    remembered = parse_record(record, picture, DTYPES)
    return to_yaml(remembered.scene, Path.cwd()).rstrip("\n") if as_scene else _as_text(picture, remembered)


def _as_text(picture: Path, remembered: PictureRecord) -> str:
    scene = remembered.scene
    lines = {
        "prompt": scene.prompt,
        "canvas": scene.canvas,
        "seed": remembered.seed,
        "steps": scene.sampling.steps,
        "guidance": scene.sampling.guidance,
        "model": _weights(remembered.model),
        "adapter": ", ".join(f"{each.called} ({each.digest[:12]})" for each in remembered.adapters) or "none",
        "numerics": remembered.computed,
        "layout": "composed" if scene.layout is None else scene.layout.as_posix(),
        "job": remembered.job,
        "versions": ", ".join(f"{name} {version}" for name, version in remembered.versions.items()),
    }
    instances = [
        f"  {number} {printable(instance.reference)} at {instance.box.pixels}, fit {instance.fit.value}"
        for number, instance in enumerate(scene.instances, start=1)
    ]
    inputs = [printable(f"  {digest[:12]}  {name}") for name, digest in remembered.inputs.items()]
    told = [f"{name + ':':<10}{printable(str(value))}" for name, value in lines.items()]
    return "\n".join([str(picture), *told, "instances, back to front:", *instances, "inputs:", *inputs])


def _weights(weights: Weights) -> str:
    return f"{weights.name} ({weights.digest[:12]})"
