"""The SHA-256 of large files, remembered between runs by size and time of change: weights are read once."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from contextgen_cli.errors import OutputError
from contextgen_cli.output import write

_LARGE = 1 << 24  # smaller files are read faster than looked up


def remembered(file: Path, compute: Callable[[Path], str]) -> str:
    """The digest of `file`, computed only if it is new or was changed since."""
    state = file.stat()
    if state.st_size < _LARGE:
        return compute(file)
    store = _store()
    known = _read(store)
    key, stamp = str(file.resolve()), f"{state.st_size} {state.st_mtime_ns}"
    if known.get(key, ["", ""])[0] != stamp:
        known[key] = [stamp, compute(file)]
        with contextlib.suppress(OutputError):  # a memory is a convenience
            write(store, json.dumps(known, indent=0, sort_keys=True).encode())
    return known[key][1]


def _store() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "contextgen" / "digests.json"


def _read(store: Path) -> dict[str, list[str]]:
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
