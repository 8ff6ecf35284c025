"""What lies in a model folder in diffusers' format, or beside an adapter: whole or not, of which size, by which digest.

Safetensors only; nothing of their tensors is read.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from contextgen.weights.card import CARD_FILE
from contextgen.weights.checkpoint_errors import FolderIncomplete

INDEX_FILES = ("model_index.json", "modular_model_index.json")  # of a folder in diffusers' format


def check_folder(folder: Path) -> None:
    """Refuse a diffusers folder of which a part is missing, truncated or pickled, before anything loads.

    Raises:
        FolderIncomplete: names the part.
    """
    if not any((folder / name).is_file() for name in INDEX_FILES):
        raise FolderIncomplete(
            f"{folder} is no model folder: {INDEX_FILES[0]} is missing",
            f"Give the folder that holds {INDEX_FILES[0]} and a folder for each component.",
        )
    for name in components(folder):
        if problem := _component_problem(folder / name):
            raise FolderIncomplete(
                f"{folder}: {name}: {problem}", "Fetch the folder again, or copy the part that is missing."
            )


def components(folder: Path) -> tuple[str, ...]:
    """The components that a folder's index names, sorted; without those that it says are absent.

    Raises:
        FolderIncomplete: the index is not JSON, or names a component that could lie elsewhere.
    """
    index = next(folder / name for name in INDEX_FILES if (folder / name).is_file())
    try:
        stated = json.loads(index.read_text(encoding="utf-8")).items()
    except (ValueError, AttributeError) as error:
        raise FolderIncomplete(f"{index} is not what diffusers writes: {error}", "Fetch the folder again.") from None
    names = sorted(name for name, value in stated if isinstance(value, list) and len(value) > 1 and value[0])
    if outside := [name for name in names if not re.fullmatch(r"\w+", name)]:
        raise FolderIncomplete(
            f"{index}: {outside[0]!r} is no name of a component", "Take the folder from a source that you trust."
        )
    return tuple(names)


def adapter_files(path: Path) -> list[Path]:
    """The safetensors of an adapter given as a file or a folder.

    Raises:
        FolderIncomplete: there is none, or one is truncated.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if not files:
        raise FolderIncomplete(
            f"the adapter folder {path} has no *.safetensors",
            "Give the folder that directly holds the adapter's file.",
        )
    for file in files:
        if problem := _weights_file_problem(file):
            raise FolderIncomplete(f"{file}: {problem}", "Fetch the adapter again.")
    return files


def tensors(file: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Stored dtype (`F32`, `BF16`, ...) and shape of every tensor of a safetensors file, by name; no tensor is read.

    Raises:
        safetensors.SafetensorError: it is no whole safetensors file.
    """
    with safe_open(file, "np") as stream:
        slices = {name: stream.get_slice(name) for name in stream.keys()}  # noqa: SIM118  no mapping
        return {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}


def count_numbers(folder: Path, component: str, name: str = "") -> int:
    """How many numbers a component's tensors hold; packed ones count as their bytes.

    Args:
        name: a regular expression; only tensors with such a part in their name count.
    """
    return sum(
        math.prod(shape)
        for file in sorted((folder / component).glob("*.safetensors"))
        for key, (_, shape) in tensors(file).items()
        if re.search(name, key)
    )


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


def _component_problem(folder: Path) -> str | None:
    if not folder.is_dir():
        return "the folder is missing"
    if folder.name.startswith("tokenizer"):
        known = ("tokenizer.json", "vocab.json", "spiece.model")
        return None if any((folder / name).is_file() for name in known) else f"none of {', '.join(known)} is there"
    config = folder / ("scheduler_config.json" if folder.name == "scheduler" else "config.json")
    if not config.is_file():
        return f"{config.name} is missing"
    try:
        json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        return f"{config.name} is not JSON: {error}"
    return None if folder.name == "scheduler" else _weights_problem(folder)


def _weights_problem(folder: Path) -> str | None:
    files = set(folder.glob("*.safetensors"))
    for index in folder.glob("*.safetensors.index.json"):
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return f"{index.name} is no index of shards: {error!r}"
        if missing := sorted(shards - {file.name for file in files}):
            return f"{missing[0]} is missing"
    if not files:
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        return "its weights are pickled; only safetensors are loaded" if pickled else "no *.safetensors is there"
    return next((f"{file.name}: {problem}" for file in sorted(files) if (problem := _weights_file_problem(file))), None)


def _weights_file_problem(file: Path) -> str | None:
    """What is wrong with a file, as far as its header and size tell."""
    try:
        tensors(file)
    except (SafetensorError, OSError) as error:
        return f"not a whole safetensors file: {str(error).removeprefix('Error while deserializing header: ')}"
    return None


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
