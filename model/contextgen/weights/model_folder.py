"""A model folder in diffusers' format: whole or not, of which size; its digest, or an adapter's.

Safetensors only; nothing of their tensors is read. What is wrong is found before any library of models sees the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from contextgen.weights.card import CARD_FILE
from contextgen.weights.checkpoint_errors import FolderIncomplete, UntrustedFolder
from contextgen.weights.contents import contents_problem
from contextgen.weights.json_files import read_object
from contextgen.weights.safetensors_files import (
    UNQUANTIZED,
    QuantizedWeights,
    StoredTensor,
    read_headers,
    weight_files,
)

_REPAIR = "Fetch the folder again, or copy the part that is missing or broken."
_TRUST = "Take the folder from a source that you trust."
INDEX_FILES = ("model_index.json", "modular_model_index.json")  # of a folder in diffusers' format


def check_folder(folder: Path) -> None:
    """Refuse a diffusers folder of which a part is missing, truncated, pickled or foreign, before anything loads.

    Raises:
        FolderIncomplete: names the part.
        UntrustedFolder: names what should not be in it.
    """
    names = components(folder)
    if problem := contents_problem(folder, _read_from(folder, names)):
        raise UntrustedFolder(f"{folder}: {problem}", _TRUST)
    for name in names:
        _refuse_adapters(folder, name)
    for name in names:
        _check_component(folder, name)


def components(folder: Path) -> tuple[str, ...]:
    """The components that a folder's index names, sorted; without those that it says are absent.

    Raises:
        FolderIncomplete: the index is not JSON.
        UntrustedFolder: it names a component that could lie elsewhere.
    """
    return tuple(sorted(component_classes(folder)))


def component_classes(folder: Path) -> dict[str, tuple[Any, Any]]:
    """Library and class of each component, as a folder's index has them; nothing says that they are strings.

    Raises:
        as `components`
    """
    index, stated = read_index(folder)
    named = {
        name: (value[0], value[1])
        for name, value in stated.items()
        if isinstance(value, list) and len(value) > 1 and value[0]
    }
    if outside := sorted(name for name in named if not re.fullmatch(r"\w+", name)):
        raise UntrustedFolder(f"{index}: {outside[0]!r} is no name of a component", _TRUST)
    return named


def read_index(folder: Path) -> tuple[Path, dict[str, Any]]:
    """A folder's index, and what it says.

    Raises:
        FolderIncomplete: there is none, or it is not JSON.
    """
    index = next((folder / name for name in INDEX_FILES if os.path.lexists(folder / name)), None)
    if index is None:
        raise FolderIncomplete(
            f"{folder} is no model folder: {INDEX_FILES[0]} is missing",
            f"Give the folder that holds {INDEX_FILES[0]} and a folder for each component.",
        )
    return index, read_configuration(index)


def read_configuration(path: Path) -> dict[str, Any]:
    """A configuration in a model folder.

    Raises:
        FolderIncomplete: it is not there, or no JSON object.
    """
    try:
        return read_object(path)
    except OSError as problem:
        raise FolderIncomplete(f"{path}: {problem.strerror}", _REPAIR) from problem
    except ValueError as problem:
        raise FolderIncomplete(f"{path}: no configuration: {problem}", _REPAIR) from problem


def stored_tensors(folder: Path, component: str) -> dict[str, StoredTensor]:
    """The tensors of a component, by name.

    Raises:
        FolderIncomplete: a file is missing, not whole, or holds something else.
    """
    try:
        return read_headers(weight_files(folder / component))
    except (ValueError, OSError) as problem:
        hint = UNQUANTIZED if isinstance(problem, QuantizedWeights) else _REPAIR
        raise FolderIncomplete(f"{folder}: {component}: {problem}", hint) from problem


def digest(path: Path, sha256: Callable[[Path], str] | None = None) -> str:
    """SHA-256 over the names and contents of a model's or adapter's files, as hexadecimal.

    Args:
        sha256: the SHA-256 of one file, for those who remember some; None reads every file.
    """
    sha256 = sha256 or sha256_of
    total = hashlib.sha256()
    for file in _files(path):
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        total.update(f"{name}\0{sha256(file)}\n".encode())
    return total.hexdigest()


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's content; a blob of the hub cache bears it as its name."""
    if re.fullmatch("[0-9a-f]{64}", (blob := file.resolve()).name) and blob.parent.name == "blobs":
        return blob.name
    state = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            state.update(chunk)
    return state.hexdigest()


def folder_bytes(folder: Path) -> int:
    """Bytes that the files of a model take on the disk."""
    return sum(file.stat().st_size for file in _files(folder))


def _read_from(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """What is read of a folder, and code, which is not."""
    yield from (folder / name for name in (*INDEX_FILES, CARD_FILE))
    yield from sorted(folder.glob("*.py"))
    for name in names:
        yield folder / name
        if (folder / name).is_dir():
            yield from sorted((folder / name).iterdir())


def _refuse_adapters(folder: Path, name: str) -> None:
    """A library that loads a component puts an adapter that lies in its folder on it, unasked and in silence."""
    part = folder / name
    if found := sorted([*part.glob("adapter_config.json"), *part.glob("adapter_model*")]):
        raise UntrustedFolder(
            f"{found[0]} is an adapter inside a component, which would change its weights unasked",
            "Take it out of the folder; an adapter of the transformer is given with --adapter.",
        )


def _check_component(folder: Path, name: str) -> None:
    part = folder / name
    if not part.is_dir():
        raise FolderIncomplete(f"{folder}: {name}: the folder is missing", _REPAIR)
    for file in sorted(part.glob("*config.json")):
        if read_configuration(file).get("auto_map"):
            raise UntrustedFolder(f"{file}: auto_map names code, and code that comes with weights is never run", _TRUST)
    if name.startswith("tokenizer"):
        return _check_tokenizer(part)
    config = part / ("scheduler_config.json" if name == "scheduler" else "config.json")
    if not config.is_file():
        raise FolderIncomplete(f"{folder}: {name}: {config.name} is missing", _REPAIR)
    if name != "scheduler":
        stored_tensors(folder, name)


def _check_tokenizer(part: Path) -> None:
    known = ("tokenizer.json", "vocab.json", "spiece.model")
    if not any((part / name).is_file() for name in known):
        raise FolderIncomplete(f"{part.parent}: {part.name}: none of {', '.join(known)} is there", _REPAIR)
    whole = part / known[0]
    if whole.is_file() and (missing := {"added_tokens", "model"} - read_configuration(whole).keys()):
        raise FolderIncomplete(f"{whole}: {min(missing)!r} is missing", _REPAIR)


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    loose = [path / name for name in (CARD_FILE, *INDEX_FILES) if (path / name).is_file()]
    named = components(path) if any(file.name in INDEX_FILES for file in loose) else ()
    parts = [path / name for name in named if (path / name).is_dir()] or [path]
    return sorted(
        {
            *loose,
            *(file for part in parts for file in part.iterdir() if file.suffix != ".md" and file.is_file()),
        }
    )
