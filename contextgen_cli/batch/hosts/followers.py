"""The supervisors of other hosts, as the plan's process knows them: what a lost host had is handed to another."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from contextgen_cli.batch.hosts.launcher_env import LauncherEnv
from contextgen_cli.batch.hosts.torch_store import TorchJobStore
from contextgen_cli.batch.worker import process_name
from contextgen_cli.errors import EnvironmentProblem

HEARTBEAT: Final = 5.0  # seconds between two signs of life of a supervisor
_LOST_AFTER = 60.0  # without one, after which a supervisor and the host around it are given up
_PARTING = 10.0  # for the others to hear that all is over
_POLL = 0.1


class Followers:
    """All supervisors but the plan's own."""

    def __init__(self, job_store: TorchJobStore, launcher: LauncherEnv) -> None:
        self._job_store = job_store
        self._ranks = set(range(1, launcher.size))
        self._store_outlives_us = launcher.agent
        self._alive: dict[int, tuple[int, float]] = {}  # their signs of life, and when they were heard
        self._looked = 0.0
        self._complete = time.monotonic()  # when no job was missing last

    def put_back_lost(self, at_work: dict[int, int], unfinished: set[int]) -> Iterator[str]:
        """Put back the jobs of those who give no sign of life, and what somebody took who did not live to tell.

        Args:
            at_work: the job that each rank has; what is put back is taken out.
            unfinished: the positions of all jobs to do yet.

        Returns:
            what was done, in words.
        """
        now = time.monotonic()
        if now - self._looked < HEARTBEAT:
            return
        self._looked = now
        for rank, beats in self._job_store.heartbeats(self._ranks).items():
            before, heard = self._alive.get(rank, (0, now))
            self._alive[rank] = (beats, heard if beats == before else now)
            if rank in at_work and self._lost(rank):
                self._job_store.put_back(at_work.pop(rank))
                yield f"{process_name(rank)} gives no sign of life: its job is handed to another"
        missing = unfinished - set(at_work.values())
        if not missing or not self._job_store.is_exhausted():
            self._complete = now
        elif now - self._complete > _LOST_AFTER:
            for position in sorted(missing):
                self._job_store.put_back(position)
            lost = "1 job was" if len(missing) == 1 else f"{len(missing)} jobs were"
            yield f"{lost} taken by a process that was not heard of again: handed to another"

    @property
    def ended(self) -> bool:
        """Whether each has left, or is lost."""
        return all(self._lost(rank) for rank in self._ranks - self._job_store.gone(self._ranks))

    def wait(self) -> None:
        """Keep the store until all have heard that all is over; a launcher's outlives us anyhow."""
        until = time.monotonic() + _PARTING
        if self._store_outlives_us:
            return
        with contextlib.suppress(EnvironmentProblem):
            while self._job_store.gone(self._ranks) < self._ranks and time.monotonic() < until:
                time.sleep(_POLL)

    def _lost(self, rank: int) -> bool:
        """Whether a supervisor never came, or was not heard for long."""
        beats, heard = self._alive.get(rank, (0, 0.0))
        return not beats or time.monotonic() - heard > _LOST_AFTER
