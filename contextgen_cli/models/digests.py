"""What reading files came to, remembered between runs by size and time of change.

The weights' digests are the machine's, in the cache folder; those of a batch's images are the batch's, in its output
folder, where every host that works on it finds them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contextgen_cli.errors import OutputError
from contextgen_cli.records.output import sweep, write

_LARGE = 1 << 24  # smaller files are read faster than looked up
_MANY = 64  # images, of which a batch keeps a memory


def cached_digest(file: Path, compute: Callable[[Path], str]) -> str:
    """The digest of `file`, computed only if it is new or was changed since."""
    state = file.stat()
    if state.st_size < _LARGE:
        return compute(file)
    store = _store()
    known = _read(store)
    key, stamp = str(file.resolve()), _stamp(state)
    if known.get(key, ["", ""])[0] != stamp:
        known[key] = [stamp, compute(file)]
        with contextlib.suppress(OutputError):  # a memory is a convenience
            write(store, json.dumps(known, indent=0, sort_keys=True).encode())
    return str(known[key][1])


class ImageDigests:
    """The digests of a batch's images and which references were verified, in its folder's `.contextgen/images.json`."""

    def __init__(self, folder: Path, digest_of: Callable[[Path], str]) -> None:
        self._store = folder / ".contextgen" / "images.json"
        self._digest_of = digest_of
        self._digests: dict[str, tuple[str, str]] = {}  # by path: size and time of change, and the SHA-256
        self.verified: set[str] = set()
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # a memory that is none of ours
            known = _read(self._store)
            self._digests = {path: (str(stamp), str(digest)) for path, (stamp, digest) in known["digests"].items()}
            self.verified = set(map(str, known["verified"]))
        self._before = len(self.verified), len(self._digests)
        self._changed = False

    def digest(self, path: Path) -> str:
        """The SHA-256 of an image, read only if it is new or was changed since.

        Raises:
            SceneError: it cannot be read.
        """
        try:
            state = path.stat()
        except OSError:
            return self._digest_of(path)  # which says why
        key, stamp = str(path), _stamp(state)
        if self._digests.get(key, ("", ""))[0] != stamp:
            self._digests[key] = stamp, self._digest_of(path)
            self._changed = True
        return self._digests[key][1]

    def keep(self) -> None:
        """Remember for the next run, where there is enough of it to be worth a file."""
        grown = self._changed or self._before != (len(self.verified), len(self._digests))
        if grown and len(self._digests) >= _MANY and self._store.parent.parent.is_dir():
            sweep(self._store.parent)
            known = {"digests": self._digests, "verified": sorted(self.verified)}
            with contextlib.suppress(OutputError):  # a memory is a convenience
                write(self._store, json.dumps(known).encode())


def _stamp(state: os.stat_result) -> str:
    """What tells that a file was changed."""
    return f"{state.st_size} {state.st_mtime_ns}"


def _store() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "contextgen" / "digests.json"


def _read(store: Path) -> dict[str, Any]:
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
