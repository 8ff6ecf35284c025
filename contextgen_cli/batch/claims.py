"""Which jobs are at work, seen by every run into the same folder: two that are equal, or overlap, paint nothing twice.

A claim is a lock on a file of the job's name. The system lets it go when its process ends, however that was, also on
another host of a shared file system, so that no claim outlives its owner.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from contextgen_cli.batch.ledger import NO_LOCKS
from contextgen_cli.records.state_folder import state_folder

_CLAIMS = "claims"
_JOB_ID = re.compile(r"[0-9a-z]{64}")
_PATIENCE = 1.0  # seconds, for a job that was found at work before
_TRIES = 3  # whoever ends a run removes the empty folder


class Claims:
    """One process' claims.

    Args:
        folder: the output folder; None: nobody else can paint the same picture into the same place.
        notice: is told once where no claims can be made, and once that there is another run.
    """

    def __init__(self, folder: Path | None, notice: Callable[[str], None]) -> None:
        self._folder = folder
        self._notice = notice
        self._elsewhere: set[str] = set()

    @contextlib.contextmanager
    def hold(self, job_id: str, name: str) -> Iterator[bool]:
        """Claim a job for the block; False where another run is at it, then also after some patience."""
        with contextlib.ExitStack() as held:
            try:
                ours = self._folder is None or self._lock(self._folder, job_id, held)
            except OSError as problem:
                self._do_without(problem)
                ours = True
            if not ours:
                self._elsewhere_too(job_id, name)
            yield ours

    def _lock(self, folder: Path, job_id: str, held: contextlib.ExitStack) -> bool:
        """Whether the claim is ours; `held` lets it go.

        Raises:
            OSError: no claims can be made.
        """
        from filelock import Timeout

        patience = _PATIENCE if job_id in self._elsewhere else 0
        for _ in range(_TRIES):
            with contextlib.suppress(FileNotFoundError):
                claim = state_folder(folder, _CLAIMS, make=True) / job_id
                if claim.is_symlink():
                    claim.unlink()  # nobody's claim
                try:
                    held.enter_context(_locked(claim, patience))
                except Timeout:
                    return False
                held.callback(claim.unlink, missing_ok=True)  # before it is let go: who waits sees that
                return True
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))

    def _do_without(self, problem: OSError) -> None:
        if problem.errno not in NO_LOCKS:  # else the run has said so (`ledger.lock_warning`)
            self._say_why(problem)
        self._folder = None

    def _say_why(self, problem: OSError) -> None:
        where, reason = problem.filename or self._folder, problem.strerror or problem
        self._notice(
            f"{where}: no job can be claimed ({reason}): another run at the same time may paint the same pictures"
        )

    def _elsewhere_too(self, job_id: str, name: str) -> None:
        if not self._elsewhere:
            self._notice(f"another run into {self._folder} is at {name}: what it paints is left to it")
        self._elsewhere.add(job_id)


def tidy(folder: Path | None) -> None:
    """Remove what killed processes left of their claims, and the folder, unless somebody has one."""
    if folder is None:
        return
    with contextlib.suppress(OSError):
        claims = state_folder(folder, _CLAIMS)
        for claim in [each for each in claims.iterdir() if _JOB_ID.fullmatch(each.name)]:
            _remove_abandoned(claim)
        claims.rmdir()
        claims.parent.rmdir()


def _remove_abandoned(claim: Path) -> None:
    from filelock import Timeout

    with contextlib.suppress(OSError, Timeout), _locked(claim, timeout=0):
        claim.unlink(missing_ok=True)


def _locked(claim: Path, timeout: float) -> contextlib.AbstractContextManager[object]:
    from filelock import FileLock

    return FileLock(claim, timeout=timeout, fallback_to_soft=False)
