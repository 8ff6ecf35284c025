"""Safetensors files as their headers describe them. No torch, and nothing of the tensors is read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

_LENGTH = 8  # bytes that state the header's length


def header(file: Path) -> dict[str, dict[str, Any]]:
    """`dtype`, `shape` and `data_offsets` of every tensor, by name.

    Raises:
        ValueError: it is no safetensors file.
    """
    length = _header_length(file)
    with file.open("rb") as stream:
        stream.seek(_LENGTH)
        tensors: dict[str, dict[str, Any]] = json.loads(stream.read(length))
    tensors.pop("__metadata__", None)
    return tensors


def problem(file: Path) -> str | None:
    """What is wrong with a file, as far as its header and size tell."""
    try:
        tensors = header(file)
    except ValueError:
        return "not a safetensors file"
    stated = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    size = file.stat().st_size - _header_length(file) - _LENGTH
    return f"truncated: {size} of {stated} bytes" if size < stated else None


def _header_length(file: Path) -> int:
    with file.open("rb") as stream:
        stated = stream.read(_LENGTH)
    length = struct.unpack("<Q", stated)[0] if len(stated) == _LENGTH else 0
    if not 0 < length <= file.stat().st_size - _LENGTH:
        raise ValueError(f"{file}: no header")
    return int(length)
