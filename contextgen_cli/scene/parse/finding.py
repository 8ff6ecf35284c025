"""From the arguments of a command to scene files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from contextgen_cli.scene.check.problems import Problem, Severity
from contextgen_cli.scene.parse.json_scenes import JSON, JSON_LINES, holds_scenes, is_json
from contextgen_cli.scene.parse.missing_files import near_file
from contextgen_cli.scene.parse.odd_letters import DASHES

STANDARD_INPUT_ARGUMENT = "-"
_ENDINGS = (".yaml", ".yml", JSON, JSON_LINES)
_SCHEMA = ".schema.json"  # as `contextgen init` puts one beside its scene, for editors


def find(arguments: Sequence[str]) -> tuple[list[Path | None], list[Problem], list[Path]]:
    """The scene files behind the arguments (None: `-`), each once, in order; what is missing; and the JSON files of
    folders that hold no scenes, and are not said to be schemas."""
    found: dict[str, Path | None] = {}
    passed_over: dict[str, Path] = {}
    problems: list[Problem] = []
    for argument in arguments:
        unreadable: list[Problem] = []
        paths = [None] if argument == STANDARD_INPUT_ARGUMENT else list(_paths(argument, unreadable))
        others = set() if _is_named(argument) else {path for path in paths if path and _is_other_json(path)}
        scenes = [path for path in paths if path not in others]
        passed_over |= {_identity(path): path for path in sorted(others) if not path.name.endswith(_SCHEMA)}
        for path in scenes:
            found.setdefault(_identity(path) if path else STANDARD_INPUT_ARGUMENT, path)
        problems += unreadable
        if not scenes and not unreadable:
            problems.append(_nothing_found(argument))
    return list(found.values()), problems, list(passed_over.values())


def _is_named(argument: str) -> bool:
    """Whether an argument that leads to JSON files names them as such, and not the folder that they are in."""
    return is_json(Path(argument)) and not _is_folder(Path(argument))


def _is_other_json(path: Path) -> bool:
    return is_json(path) and not holds_scenes(path)


def _identity(path: Path) -> str:
    """One for each place of a file: a link from another folder is another scene, as its paths lead elsewhere."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118  a mere key


def _paths(argument: str, unreadable: list[Problem]) -> Iterator[Path]:
    if not argument:
        return
    path = Path(os.path.abspath(argument))  # noqa: PTH100  resolve() would lose the name of a symbolic link
    if _is_folder(path):
        yield from _in_folder(path, unreadable)
    elif os.path.lexists(path):
        yield path
    elif glob.has_magic(argument):
        yield from _in_glob(argument, unreadable)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  never raises, whatever the name


def _is_pipe_or_device(path: Path) -> bool:
    """Whether reading it might wait for ever."""
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113  these never raise


def _in_folder(folder: Path, unreadable: list[Problem]) -> Iterator[Path]:
    """The scene files of a folder and of those below it, except hidden ones; what cannot be looked into is reported."""

    def report(error: OSError) -> None:
        message = f"cannot read this folder: {error.strerror or error}"
        hint = "give the right to read it, move it away, or name the files one by one"
        unreadable.append(Problem(Severity.ERROR, "unreadable-folder", message, Path(error.filename), hint=hint))

    for parent, folders, files in os.walk(folder, onerror=report):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(_ENDINGS) and not name.startswith("."):
                path = Path(parent, name)
                if _is_pipe_or_device(path):
                    message, hint = "a pipe or a device, not a file", "name it on the command line to read it"
                    unreadable.append(Problem(Severity.ERROR, "not-a-file", message, path, hint=hint))
                else:
                    yield path


def _in_glob(pattern: str, unreadable: list[Problem]) -> Iterator[Path]:
    for match in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  Path.glob refuses absolute patterns
        path = Path(os.path.abspath(match))  # noqa: PTH100
        if _is_folder(path):
            yield from _in_folder(path, unreadable)
        elif path.suffix.lower() in _ENDINGS:
            yield path


def _nothing_found(argument: str) -> Problem:
    path = Path(os.path.abspath(argument or "."))  # noqa: PTH100
    if not argument:
        return Problem(Severity.ERROR, "no-such-file", "an empty file name", Path("''"))
    if _is_folder(path):
        hint = f"scene files end in {', '.join(_ENDINGS)}; name a file to use another ending"
        return Problem(Severity.ERROR, "no-scenes", "no scene files in this folder", path, hint=hint)
    if glob.has_magic(argument):
        return Problem(Severity.ERROR, "no-scenes", "no scene file matches this pattern", path)
    is_option = argument[0] in DASHES
    near = "an option begins with two plain hyphens, `--`; this is another dash" if is_option else near_file(path)
    return Problem(Severity.ERROR, "no-such-file", "no such file or folder", path, hint=near)
