"""From the arguments of a command to scene files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from contextgen_cli.scene.check.problems import Problem, Severity, shown
from contextgen_cli.scene.check.suggestions import nearest

STANDARD_INPUT_ARGUMENT = "-"
_IN_FOLDERS = (".yaml", ".yml")
_IN_GLOBS = (".yaml", ".yml", ".json")
_LIKENESS_OF_FILES = 0.75  # a folder holds many names, so that a far one is always there


def find(arguments: Sequence[str]) -> tuple[list[Path | None], list[Problem]]:
    """The scene files behind the arguments (None: `-`), each once, in order; and what is missing."""
    found: dict[str, Path | None] = {}
    problems: list[Problem] = []
    for argument in arguments:
        paths = [None] if argument == STANDARD_INPUT_ARGUMENT else list(_paths(argument))
        for path in paths:
            found.setdefault(_identity(path) if path else STANDARD_INPUT_ARGUMENT, path)
        if not paths:
            problems.append(_nothing_found(argument))
    return list(found.values()), problems


def _identity(path: Path) -> str:
    """One for each place of a file: a link from another folder is another scene, as its paths lead elsewhere."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118  a mere key


def _paths(argument: str) -> Iterator[Path]:
    if not argument:
        return
    path = Path(os.path.abspath(argument))  # noqa: PTH100  resolve() would lose the name of a symbolic link
    if path.is_dir():
        yield from _in_folder(path)
    elif os.path.lexists(path):
        yield path
    elif glob.has_magic(argument):
        yield from _in_glob(argument)


def _in_folder(folder: Path) -> Iterator[Path]:
    """The scene files of a folder and of those below it, except hidden ones."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(_IN_FOLDERS) and not name.startswith("."):
                yield Path(parent, name)


def _in_glob(pattern: str) -> Iterator[Path]:
    for match in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  Path.glob refuses absolute patterns
        path = Path(os.path.abspath(match))  # noqa: PTH100
        if path.is_dir():
            yield from _in_folder(path)
        elif path.suffix.lower() in _IN_GLOBS:
            yield path


def _nothing_found(argument: str) -> Problem:
    path = Path(os.path.abspath(argument or "."))  # noqa: PTH100
    if not argument:
        return Problem(Severity.ERROR, "no-such-file", "an empty file name", Path("''"))
    if path.is_dir():
        hint = f"scene files end in {' or '.join(_IN_FOLDERS)}; name a file to use another ending"
        return Problem(Severity.ERROR, "no-scenes", "no scene files in this folder", path, hint=hint)
    if glob.has_magic(argument):
        return Problem(Severity.ERROR, "no-scenes", "no scene file matches this pattern", path)
    return Problem(Severity.ERROR, "no-such-file", "no such file or folder", path, hint=near_file(path))


def near_file(path: Path) -> str | None:
    """A hint about a file beside `path` that may have been meant, or about the folder that is missing."""
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {shown(folder)}"
    found = _near_name(path, _names(folder))
    return f"did you mean {shown(folder / found)}?" if found else None


def _near_name(path: Path, names: Iterable[str]) -> str | None:
    """The name closest to that of `path` but for its ending; where the digits differ, it is another file."""
    same_ending_last = sorted(names, key=lambda name: Path(name).suffix == path.suffix)
    by_stem = {Path(name).stem: name for name in same_ending_last if _digits(Path(name)) == _digits(path)}
    found = nearest(path.stem, by_stem, cutoff=_LIKENESS_OF_FILES)
    return by_stem[found] if found else None


def _digits(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"[0-9]+", path.stem)]


def _names(folder: Path) -> Iterable[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return ()
