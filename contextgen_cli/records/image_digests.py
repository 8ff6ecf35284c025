"""The digests of a batch's images, remembered between runs by their stamps, in the batch's folder.

There every host that works on the batch finds them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contextgen_cli.errors import OutputError
from contextgen_cli.records.foreign_json import parse_object
from contextgen_cli.records.output import sweep, write
from contextgen_cli.records.regular_files import read_up_to
from contextgen_cli.records.state_folder import state_folder
from contextgen_cli.scene.stamps import stamp_of

_FILE = "images.json"
_MANY = 64  # images, of which a batch keeps a memory
_LARGEST_MEMORY = 256 << 20  # bytes: a million images


class ImageDigests:
    """The digests of a batch's images and which references were verified, in its folder's `.contextgen/images.json`."""

    def __init__(self, folder: Path, digest_of: Callable[[Path], str]) -> None:
        self._folder = folder
        self._digest_of = digest_of
        self._digests: dict[str, tuple[str, str]] = {}  # by path: its stamp and the SHA-256
        self.verified: set[str] = set()
        with contextlib.suppress(AttributeError, KeyError, OSError, TypeError, ValueError):  # a memory none of ours
            known = read_memory(state_folder(folder) / _FILE)
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
            stamp = stamp_of(path)
        except OSError:
            return self._digest_of(path)  # which says why
        key = str(path)
        if self._digests.get(key, ("", ""))[0] != stamp:
            self._digests[key] = stamp, self._digest_of(path)
            self._changed = True
        return self._digests[key][1]

    def keep(self) -> None:
        """Remember for the next run, where there is enough of it to be worth a file."""
        grown = self._changed or self._before != (len(self.verified), len(self._digests))
        if grown and len(self._digests) >= _MANY:
            known = {"digests": self._digests, "verified": sorted(self.verified)}
            with contextlib.suppress(OSError, OutputError):  # a memory is a convenience
                place = state_folder(self._folder, make=True)
                sweep(place)
                write(place / _FILE, json.dumps(known).encode())


def read_memory(store: Path) -> dict[str, Any]:
    """What a file of digests holds; nothing where there is none, or none of ours."""
    try:
        return parse_object(read_up_to(store, _LARGEST_MEMORY))
    except (OSError, ValueError):
        return {}
