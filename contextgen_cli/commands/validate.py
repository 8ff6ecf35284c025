"""`contextgen validate`: what is wrong with scenes, before anything is rendered."""

from __future__ import annotations

import click

from contextgen_cli import __version__
from contextgen_cli.commands.shared.options import console_options, model_option, option, scene_arguments, verb
from contextgen_cli.commands.shared.scene_arguments import Checks, check_options, read_scenes
from contextgen_cli.errors import EXIT_DONE, EXIT_USAGE
from contextgen_cli.models import catalogue
from contextgen_cli.scene.check.problems import as_github, as_sarif
from contextgen_cli.scene.loader import Loaded
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output


@verb(
    examples="""
contextgen validate scenes/
contextgen validate --shallow scenes/
contextgen validate --set sampling.steps=4 a.yaml
contextgen validate --format github scenes/*.yaml
make-scenes | contextgen validate -
"""
)
@scene_arguments
@option("--shallow", is_flag=True, help="Read the headers of images only: nothing is decoded.")
@option("--deep", is_flag=True, hidden=True, expose_value=False)  # what is done now, in the scripts of earlier versions
@check_options
@model_option
@option(
    "--format",
    "report",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="text: for people, on standard error; the others: for programs, on standard output.",
)
@console_options
def command(
    scenes: tuple[str, ...],
    shallow: bool,
    checks: Checks,
    model: str | None,
    report: str,
) -> int:
    """Check scene files, and tell what is wrong in all of them.

    It is the check that compose and render begin with: images are decoded, each once, unless --shallow is given. What
    is wrong with an image is one problem, in however many scenes. Exit code 0: no errors (there may be warnings);
    2: errors.
    """
    if model is not None:
        _hold_against(model)
    loaded = read_scenes(scenes, checks, model=model, deep=not shallow)
    return _tell(loaded, report, EXIT_USAGE if loaded.errors else EXIT_DONE)


def _hold_against(model: str) -> None:
    """See that there is a model to hold scenes against.

    Raises:
        WeightsError: there is no such model, or it is broken.
    """
    try:
        catalogue.backend_here(model, checked=True)
    except catalogue.ModelNotHere as problem:
        console.warn(f"scenes are not held against {model}: {problem.message}")


def _tell(loaded: Loaded, report: str, exit_code: int) -> int:
    if report == "github":
        for problem in loaded.problems:
            console.emit(as_github(problem))
        return exit_code
    if report == "sarif":
        console.emit(as_sarif(loaded.problems, __version__))
        return exit_code
    sink = Output(as_json=report == "json")
    sink.problems(loaded.problems)
    record = {
        "scenes": len(loaded.scenes),
        "files": loaded.files,
        "errors": loaded.error_count,
        "warnings": loaded.warning_count,
    }
    return sink.summary(record, text=_summary(loaded), exit_code=exit_code)


def _summary(loaded: Loaded) -> str:
    pictures = sum(len(scene.seeds) for scene in loaded.scenes)
    files = _counted(loaded.files, "file")
    if loaded.errors:
        return f"{_counted(loaded.error_count, 'error')}, {_counted(loaded.warning_count, 'warning')} in {files}"
    scenes = f"{_counted(len(loaded.scenes), 'scene')} ({_counted(pictures, 'picture')}) in {files}"
    return f"{scenes}: no errors, {_counted(loaded.warning_count, 'warning')}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
