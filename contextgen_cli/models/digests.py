"""The digests of weights, remembered between runs by size and time of change, in the machine's cache folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from contextgen_cli.errors import OutputError
from contextgen_cli.records.image_digests import read_memory, stamp_of
from contextgen_cli.records.output import write

_LARGE = 1 << 24  # smaller files are read faster than looked up


def cached_digest(file: Path, compute: Callable[[Path], str]) -> str:
    """The digest of `file`, computed only if it is new or was changed since."""
    state = file.stat()
    if state.st_size < _LARGE:
        return compute(file)
    store = _store()
    known = read_memory(store)
    key, stamp = str(file.resolve()), stamp_of(state)
    if known.get(key, ["", ""])[0] != stamp:
        known[key] = [stamp, compute(file)]
        with contextlib.suppress(OutputError):  # a memory is a convenience
            write(store, json.dumps(known, indent=0, sort_keys=True).encode())
    return str(known[key][1])


def _store() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "contextgen" / "digests.json"
