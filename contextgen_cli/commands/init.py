"""`contextgen init`: a commented starter scene with working references."""

from __future__ import annotations

from pathlib import Path

import click

from contextgen_cli.commands.shared.options import console_options, option, verb
from contextgen_cli.errors import EXIT_DONE, OutputError, UsageError
from contextgen_cli.records.output import is_other_file, write_all
from contextgen_cli.resources import resource
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.terminal import console

_SCENE_NAME = "scene.yaml"
_ENDINGS = (".yaml", ".yml")
_BESIDE = {
    "refs/crab.png": "scenes/refs/crab.png",
    "refs/handbag.png": "scenes/refs/handbag.png",
    "scene.schema.json": "schemas/scene.schema.json",
}


@verb(
    examples="""
contextgen init
contextgen init picnic
contextgen init scenes/picnic.yaml
"""
)
@click.argument("path", default=".", metavar="[PATH]", type=click.Path(path_type=Path))
@option("--force", is_flag=True, help="Overwrite what is there.")
@console_options
def command(path: Path, force: bool) -> int:
    """Write a starter scene to edit, at PATH: a folder (for scene.yaml in it) or a file.

    Beside it come the two references that it uses, and the schema that lets your editor complete and
    explain the keys. Nothing that exists is overwritten without --force.
    """
    if is_other_file(path, *_ENDINGS):
        named = path.with_suffix(_ENDINGS[0])
        raise UsageError(f"{path}: scene files are YAML", hint=f"Write {named}, or name a folder.")
    scene = path if path.suffix.lower() in _ENDINGS and not path.is_dir() else path / _SCENE_NAME
    files = _files(scene)
    if not force:
        _refuse_to_overwrite(files)
    try:
        write_all(files)
    except OutputError as problem:
        raise OutputError(problem.message, hint="Choose another PATH that has room and lets you write.") from problem
    console.emit(str(scene))
    console.note(f"next: contextgen validate {_quoted(scene)}")
    return EXIT_DONE


def _files(scene: Path) -> dict[Path, bytes]:
    starter = resource("scene/starter.yaml").read_text("utf-8").replace("{name}", _quoted(Path(scene.name)))
    beside = {scene.parent / name: resource(shipped).read_bytes() for name, shipped in _BESIDE.items()}
    return {**beside, scene: starter.encode()}


def _refuse_to_overwrite(files: dict[Path, bytes]) -> None:
    """What is there already and the same, such as the schema of an earlier scene, is in nobody's way."""
    changed = [file for file, data in files.items() if file.exists() and not _holds(file, data)]
    if changed:
        names = ", ".join(shown(file) for file in changed)
        raise UsageError(f"{names} exists already", hint="Choose another PATH, or overwrite with --force.")


def _holds(file: Path, data: bytes) -> bool:
    return file.is_file() and file.read_bytes() == data


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
