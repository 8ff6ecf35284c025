"""What goes through a port that others can reach is sealed: HMAC-SHA256 under a key that only the run's ranks have.

The key is `CONTEXTGEN_RUN_KEY`, which the launcher's environment carries, or else a file of the output folder that only
its owner can read. Each run seals with a key of its own, made of that one and a nonce, so that what was sealed in an
earlier run into the same folder is worth nothing in this one. Sealed is not secret: who listens can read along.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path

from contextgen_cli.errors import EnvironmentProblem, OutputError, UsageError
from contextgen_cli.records.state_folder import state_folder
from contextgen_cli.records.unwritable import NO_LINK

RUN_KEY = "CONTEXTGEN_RUN_KEY"
_FILE = "run-key"
_SHORTEST = 16  # characters of a key that somebody chose
_LETTERS = 64  # of a key's file, and of a seal
_POLL = 0.1


class Forged(EnvironmentProblem):
    """Something arrived that no rank of this run sent."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} was not written by this run: somebody else reached the port its processes share jobs through",
            hint="Nothing of it was used. Fence the port off, and run the same command again.",
        )


class Seal:
    """Seals values under the name by which they are kept, and opens them."""

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._key = hmac.digest(key, nonce, hashlib.sha256)

    def close(self, name: str, value: bytes) -> bytes:
        return self._of(name, value) + value

    def open(self, name: str, sealed: bytes) -> bytes:
        """
        Raises:
            Forged: it was not sealed by this run under this name.
        """
        seal, value = sealed[:_LETTERS], sealed[_LETTERS:]
        if not hmac.compare_digest(seal, self._of(name, value)):
            raise Forged(name)
        return value

    def _of(self, name: str, value: bytes) -> bytes:
        return hmac.new(self._key, name.encode() + b"\0" + value, hashlib.sha256).hexdigest().encode()


def new_nonce() -> bytes:
    return secrets.token_hex(16).encode()


def run_key(folder: Path, *, make: bool, patience: float, stopped: Callable[[], bool] = lambda: False) -> bytes:
    """The key of the runs into an output folder.

    Args:
        make: let it be, if there is none; others wait so many seconds for it, or until `stopped()`.

    Raises:
        UsageError: the one in the environment is too short.
        EnvironmentProblem: there is none, or others can read it.
        OutputError: it cannot be written or read.
    """
    if given := os.environ.get(RUN_KEY):
        if len(given) < _SHORTEST:
            raise UsageError(f"{RUN_KEY} is too short to be a secret", hint="Try `openssl rand -hex 32`.")
        return given.encode()
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
            _make(state_folder(folder, make=True) / _FILE)
        return _wait(folder, time.monotonic() + patience, stopped)
    except OSError as problem:
        raise OutputError(
            f"{problem.filename or folder}: {problem.strerror or problem}",
            hint=f"Or give all processes the same {RUN_KEY} in their environment.",
        ) from problem


def _make(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(_LETTERS // 2))


def _wait(folder: Path, until: float, stopped: Callable[[], bool]) -> bytes:
    while time.monotonic() < until and not stopped():
        with contextlib.suppress(FileNotFoundError):
            if (key := _read(state_folder(folder) / _FILE)) is not None:
                return key
        time.sleep(_POLL)
    raise EnvironmentProblem(
        f"{folder}: the key of process 1 did not appear",
        hint=f"All processes need the same output folder, or the same {RUN_KEY} in their environment.",
    )


def _read(path: Path) -> bytes | None:
    """None: it is not whole yet."""
    descriptor = os.open(path, os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        private = os.name == "nt" or (found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077)
        if not stat.S_ISREG(found.st_mode) or not private:
            hint = f"Remove it, or give all processes the same {RUN_KEY} in their environment."
            raise EnvironmentProblem(f"{path}: is not a file that only you can read", hint=hint)
        key = file.read(_LETTERS)
    return key if len(key) == _LETTERS else None
