"""`contextgen inspect`: what a picture remembers of the scene that it was painted from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from contextgen_cli.app.recall import recall
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.options import option
from contextgen_cli.commands.shared.picture_arguments import expanded, picture_arguments
from contextgen_cli.errors import EXIT_DONE, EXIT_USAGE, ContextgenError, UsageError
from contextgen_cli.models.numerics import DTYPES
from contextgen_cli.records.inputs import Finder, finder
from contextgen_cli.records.output import write
from contextgen_cli.records.picture_file import read_record
from contextgen_cli.records.record import PictureRecord, Weights, parse_record
from contextgen_cli.scene.check.problems import printable
from contextgen_cli.scene.scene import PlacedReference, Scene
from contextgen_cli.scene.writing import to_yaml
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output

_ENDINGS = (".yaml", ".yml")


@options.verb(
    examples="""
contextgen inspect outputs/picnic-7.png
contextgen inspect outputs --json
contextgen inspect picnic-7.png --scene -o again.yaml
"""
)
@picture_arguments
@option("--scene", "as_scene", is_flag=True, help="Write the scene back as a scene file.")
@option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --scene: the scene file to write; its paths lead to the references from there.",
)
@options.inputs_option
@options.sink_option
@options.console_options
def command(
    pictures: tuple[Path, ...], as_scene: bool, output: Path | None, inputs: tuple[Path, ...], sink: Output
) -> int:
    """Show what a picture remembers: its scene, seed, model, versions and inputs.

    PICTURE is a file, or a folder, for all pictures in it that remember a scene. With --scene the scene is written as
    a scene file. With -o FILE the references are looked for by content, as `replay` does, and named as they are seen
    from FILE; without it their paths are those of the first scene file: put it where that was.
    """
    asked = expanded(pictures)
    if output is not None:
        _refuse_output(output, as_scene=as_scene, sink=sink)
        write(output, _as_scenes(asked, output, finder([picture.parent for picture in asked], inputs)).encode("utf-8"))
        console.emit(str(output))
        return EXIT_DONE
    if as_scene and sink.as_json:
        raise UsageError("--scene and --json are two ways to write one thing", hint="Give one of them.")
    unreadable = 0
    for number, picture in enumerate(asked):
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
    counts = {"pictures": len(asked) - unreadable, "unreadable": unreadable}
    return sink.summary(counts, exit_code=EXIT_USAGE if unreadable else EXIT_DONE)


def _refuse_output(output: Path, *, as_scene: bool, sink: Output) -> None:
    if not as_scene or sink.as_json:
        raise UsageError("-o FILE is for a scene file", hint="Give --scene with it, and no --json.")
    if output.suffix.lower() not in _ENDINGS:
        raise UsageError(f"{output}: scene files are YAML", hint=f"Write {output.with_suffix('.yaml')}.")
    if os.path.lexists(output):
        raise UsageError(f"{output} exists already", hint="Give another FILE, or remove it first.")


def _as_scenes(pictures: Sequence[Path], output: Path, found_by: Finder) -> str:
    """The scenes of pictures as the documents of one scene file; of pictures that differ only by seed, one scene."""
    scenes: dict[Scene, list[int]] = {}
    for picture in pictures:
        recalled = recall(picture, found_by)
        scenes.setdefault(replace(_with_whole_paths(recalled.scene), seeds=()), []).append(recalled.remembered.seed)
    seen = [replace(scene, seeds=tuple(dict.fromkeys(seeds))) for scene, seeds in scenes.items()]
    names, folder = Counter(scene.name.lower() for scene in seen), output.resolve().parent
    return "---\n".join(to_yaml(scene, folder, named=names[scene.name.lower()] == 1) for scene in seen)


def _with_whole_paths(scene: Scene) -> Scene:
    """Its files were found as seen from here, or from the folders that were named."""
    references = tuple(
        replace(each, image=each.image.absolute(), mask=None if each.mask is None else each.mask.absolute())
        for each in scene.references
    )
    return replace(scene, references=references, layout=None if scene.layout is None else scene.layout.absolute())


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
        f"  {number} {printable(instance.reference)} at {instance.box.pixels}, {_fitted(instance)}"
        for number, instance in enumerate(scene.instances, start=1)
    ]
    inputs = [printable(f"  {digest[:12]}  {name}") for name, digest in remembered.inputs.items()]
    told = [f"{name + ':':<10}{printable(str(value))}" for name, value in lines.items()]
    return "\n".join([str(picture), *told, "instances, back to front:", *instances, "inputs:", *inputs])


def _fitted(instance: PlacedReference) -> str:
    turn = (f"{key} {value:g}" if key == "rotate" else f"{key} {value}" for key, value in instance.turn.items())
    return ", ".join([f"fit {instance.fit.value}", *turn])


def _weights(weights: Weights) -> str:
    return f"{weights.name} ({weights.digest[:12]})"
