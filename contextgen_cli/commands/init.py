"""`contextgen init`: a commented file to begin with, a scene or a training run, that works as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from contextgen_cli.commands.shared.options import SCENES, console_options, model_option, option, verb
from contextgen_cli.errors import EXIT_DONE, EXIT_USAGE, OutputError, UsageError
from contextgen_cli.models import catalogue
from contextgen_cli.records.output import is_other_file, write_all
from contextgen_cli.resources import resource
from contextgen_cli.scene import limits, photo_scene
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.photo_scene import Photo, quoted
from contextgen_cli.scene.scene import Size
from contextgen_cli.terminal import console

_SCENE_NAME, _RUN_NAME = "scene.yaml", "train.yaml"
_ENDINGS = (".yaml", ".yml")
_TRAINING = "app/starter-train.yaml"
_REFERENCES = {name: f"scenes/{name}" for name in ("refs/crab.png", "refs/handbag.png")}

Files = dict[Path, bytes]


@verb(
    examples="""
contextgen init
contextgen init picnic
contextgen init scenes/picnic.yaml
contextgen init mine --reference photos/*.png
contextgen init run.yaml --train
"""
)
@click.argument("path", default=".", metavar="[PATH]", type=click.Path(path_type=Path))
@option(
    "--reference",
    "photos",
    metavar="PHOTO...",
    multiple=True,
    greedy=True,
    type=click.Path(path_type=Path),
    section=SCENES,
    help="Your own pictures as the subjects, where they lie: a scene with a box for each.",
)
@model_option
@option("--train", is_flag=True, help="A training run instead of a scene.")
@option("--force", is_flag=True, help="Overwrite what is there.")
@console_options
def command(path: Path, photos: tuple[Path, ...], model: str | None, train: bool, force: bool) -> int:
    """Write a file to begin with: a starter scene, one of your own pictures, or a small training run.

    PATH is a folder (for scene.yaml in it, or train.yaml) or a file. Beside it come the references that it uses,
    and the schema that lets your editor complete and explain the keys. With --reference the subjects are yours,
    where they lie, and the canvas is the model's: only the prompt is left to write. All of them work as they are.
    Nothing that exists is overwritten without --force.
    """
    refuse_contradictions(photos, train=train)
    target = _target(path, _RUN_NAME if train else _SCENE_NAME)
    if photos:
        found = _read(photos, target.parent)
        if found is None:
            return EXIT_USAGE
        files = _own_files(found, target, model)
    else:
        files = _training_files(target) if train else _starter_files(target)
    if not force:
        _refuse_to_overwrite(files)
    try:
        write_all(files)
    except OutputError as problem:
        raise OutputError(problem.message, hint="Choose another PATH that has room and lets you write.") from problem
    console.emit(str(target))
    console.note(f"next: contextgen {'train' if train else 'validate'} {quoted(target)}")
    return EXIT_DONE


def refuse_contradictions(photos: Sequence[Path], *, train: bool) -> None:
    """Refuse options that cannot both be meant."""
    if train and photos:
        raise UsageError("--train and --reference ask for two kinds of file", hint="Give one of them.")
    is_typed = click.get_current_context().get_parameter_source("model") is ParameterSource.COMMANDLINE
    if is_typed and not photos:
        raise UsageError("--model chooses the canvas of a scene of your own pictures", hint="Add --reference PHOTO.")
    if len(photos) > limits.INSTANCES:
        raise UsageError(f"{len(photos)} pictures do not fit into one scene", hint=f"It takes {limits.INSTANCES}.")


def _target(path: Path, usual: str) -> Path:
    if is_other_file(path, *_ENDINGS):
        named = path.with_suffix(_ENDINGS[0])
        raise UsageError(f"{path}: scene files are YAML", hint=f"Write {named}, or name a folder.")
    return path if path.suffix.lower() in _ENDINGS and not path.is_dir() else path / usual


def _read(photos: Sequence[Path], folder: Path) -> list[Photo] | None:
    """The pictures; None if one cannot be used: says all that is wrong."""
    found, problems = photo_scene.read(photos, folder)
    for problem in problems:
        console.error(problem)
    if any(problem.path.suffix.lower() in ("", *_ENDINGS) for problem in problems):
        console.note("PATH stands before --reference, which takes all that follows it")
    if problems:
        return None
    for name in dict.fromkeys(each.reference.name for each in found if each.made_mask is not None):
        console.warn(f"{name} has no transparency: all of it is the subject; better cut the subject out")
    return found


def _own_files(photos: Sequence[Photo], scene: Path, model: str | None) -> Files:
    card = catalogue.backend_here(model or catalogue.aliases()[0]).card
    alias = model if model in catalogue.aliases() else None
    text = photo_scene.to_text(photos, Size(card.width, card.height), alias, scene)
    masks = {each.reference.mask: each.made_mask for each in photos}
    made = {mask: data for mask, data in masks.items() if mask is not None and data is not None}
    return {**made, **_schema(scene, "scene"), scene: text.encode()}


def _starter_files(scene: Path) -> Files:
    starter = resource(photo_scene.STARTER).read_text("utf-8").replace("{name}", quoted(Path(scene.name)))
    references = {scene.parent / name: resource(shipped).read_bytes() for name, shipped in _REFERENCES.items()}
    return {**references, **_schema(scene, "scene"), scene: starter.encode()}


def _training_files(run: Path) -> Files:
    starter = resource(_TRAINING).read_text("utf-8").replace("{name}", quoted(Path(run.name)))
    return {**_schema(run, "train"), run: starter.encode()}


def _schema(file: Path, name: str) -> Files:
    """What lets an editor complete and explain the keys of the file."""
    beside = f"{name}.schema.json"
    return {file.parent / beside: resource(f"schemas/{beside}").read_bytes()}


def _refuse_to_overwrite(files: Files) -> None:
    """What is there already and the same, such as the schema of an earlier scene, is in nobody's way."""
    changed = [file for file, data in files.items() if file.exists() and not _holds(file, data)]
    if changed:
        names = ", ".join(shown(file) for file in changed)
        raise UsageError(f"{names} exists already", hint="Choose another PATH, or overwrite with --force.")


def _holds(file: Path, data: bytes) -> bool:
    return file.is_file() and file.read_bytes() == data
