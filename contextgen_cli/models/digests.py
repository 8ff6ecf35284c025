"""The digests of weights, remembered between runs by their stamps, in the machine's cache folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from contextgen_cli.errors import OutputError
from contextgen_cli.records.image_digests import read_memory
from contextgen_cli.records.output import write
from contextgen_cli.scene.stamps import stamp_of

_LARGE = 1 << 24  # smaller files are read faster than looked up


def cached_digest(file: Path, compute: Callable[[Path], str]) -> str:
    """The digest of `file`, computed only if it is new or was changed since."""
    if file.stat().st_size < _LARGE:
        return compute(file)
    store = _store()
    known = read_memory(store)
    key, stamp = str(file.resolve()), stamp_of(file)
    match known.get(key):
        case [str(then), str(digest)] if then == stamp:
            return digest
    digest = compute(file)
    with contextlib.suppress(OutputError):  # a memory is a convenience
        write(store, json.dumps({**known, key: [stamp, digest]}, indent=0, sort_keys=True).encode())
    return digest


def _store() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "contextgen" / "digests.json"
