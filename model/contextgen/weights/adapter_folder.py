"""An adapter on the disk: which of a folder's files it is, and what their headers say. Safetensors only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from contextgen.weights.checkpoint_errors import FolderIncomplete, UntrustedFolder
from contextgen.weights.contents import contents_problem
from contextgen.weights.safetensors_files import StoredTensor, read_header, read_headers

CONFIG_FILE = "adapter_config.json"  # peft's
_STEP = re.compile(r".*_([0-9]{1,18})\.safetensors")
_ONE_OF_THEM = "Fetch the adapter again, or give one of its files."


def latest_step(names: Iterable[str]) -> str | None:
    """Of files that all end in the number of a step, as in `transformer_05000.safetensors`, the one of the highest;
    None where one has no number, where there is only one file, or where two have the highest."""
    steps = {name: match and int(match[1]) for name in names for match in [_STEP.fullmatch(name)]}
    numbers = [step for step in steps.values() if step is not None]
    if len(steps) < 2 or len(numbers) < len(steps) or numbers.count(max(numbers)) > 1:
        return None
    return max(steps, key=lambda name: steps[name] or 0)


def directly_or_below(names: Iterable[str]) -> list[str]:
    """Of paths within a folder those directly in it; where there is none, those one folder down."""
    names = sorted(names)
    return [name for name in names if "/" not in name] or [name for name in names if name.count("/") == 1]


def adapter_place(path: Path) -> Path:
    """Where the adapter lies that a file or a folder stands for: the file; of several steps the highest; else the
    folder of its files, which may be one folder down.

    Raises:
        FolderIncomplete: there is none, or several folders down there have one.
        UntrustedFolder: one is no file of the folder.
    """
    if path.is_file():
        return path
    folder = _folder_with_files(path)
    files = adapter_files(folder)
    latest = latest_step(file.name for file in files)
    return folder if latest is None or not _share_a_tensor(files) else folder / latest


def adapter_files(path: Path) -> list[Path]:
    """The safetensors of an adapter given as a file or a folder.

    Raises:
        FolderIncomplete: there is none.
        UntrustedFolder: one is no file of the folder.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if not files:
        raise FolderIncomplete(
            f"the adapter folder {path} has no *.safetensors",
            "Give the folder that holds the adapter's file, or the file.",
        )
    if path.is_dir() and (problem := contents_problem(path, files)):
        raise UntrustedFolder(f"{path}: {problem}", "Take the folder from a source that you trust.")
    return files


def adapter_tensors(path: Path) -> dict[str, StoredTensor]:
    """The tensors of an adapter given as a file or a folder, by name.

    Raises:
        FolderIncomplete: as `adapter_files`, or a file is not whole, or holds something else.
    """
    files = adapter_files(path)
    try:
        return read_headers(files)
    except ValueError as problem:
        raise FolderIncomplete(f"{files[0].parent}: {problem}", _ONE_OF_THEM) from problem


def _folder_with_files(path: Path) -> Path:
    if any(path.glob("*.safetensors")):
        return path
    below = sorted({file.parent for file in path.glob("*/*.safetensors")})
    if len(below) > 1:
        names = ", ".join(folder.name for folder in below[:3])
        raise FolderIncomplete(
            f"several folders in {path} hold an adapter: {names}{' …' if len(below) > 3 else ''}",
            "Give the one that is meant.",
        )
    return below[0] if below else path


def _share_a_tensor(files: Iterable[Path]) -> bool:
    """Whether each is an adapter of its own; files that share nothing are parts of one."""
    seen: set[str] = set()
    try:
        for names in (read_header(file).keys() for file in files):
            if seen & names:
                return True
            seen |= names
    except ValueError:
        return False  # which is told when all of them are read
    return False
