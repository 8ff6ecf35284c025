"""What of the CPUs a process of ours may take: its affinity, its control group's quota, and what others leave idle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LOOK = 0.25  # seconds in which the load is measured


@dataclass(frozen=True, slots=True)
class CpuRoom:
    """All of it in CPUs.

    Attributes:
        allowed: those that this process may run on, without the second thread of a core.
        quota: how much of them its control group may use; None: no limit.
        busy: how much of them others take; 0 where nobody looked.
        group_busy: how much of the quota the other processes of the group take.
    """

    allowed: int
    quota: float | None = None
    busy: float = 0.0
    group_busy: float = 0.0

    @property
    def most(self) -> float:
        """What there is while nobody else computes."""
        return self.allowed if self.quota is None else min(self.allowed, self.quota)

    @property
    def idle(self) -> float:
        """What is left to this process."""
        left = self.allowed - self.busy
        return left if self.quota is None else min(left, self.quota - self.group_busy)


@dataclass(frozen=True, slots=True)
class CpuGroup:
    """A control group that limits the CPU time of its processes: its quota in CPUs, and where their use is counted."""

    quota: float
    folder: Path

    def used(self) -> float:
        """Seconds of CPU time so far; 0 where they are counted elsewhere."""
        if (words := _words(self.folder / "cpu.stat"))[:1] == ["usage_usec"]:
            return int(words[1]) / 1e6
        nanoseconds = _words(self.folder / "cpuacct.usage")
        return int(nanoseconds[0]) / 1e9 if nanoseconds else 0.0


def cpu_room(*, looking: bool = True, root: Path = Path("/")) -> CpuRoom:
    """The room as it is now.

    Args:
        looking: measure the load too, which takes a quarter of a second.
        root: of the file system, where the quota is read.
    """
    import psutil  # type: ignore[import-untyped]  # comes with accelerate

    cpus = _affinity()
    group = min(_groups(root), key=lambda group: group.quota, default=None)
    quota = None if group is None else group.quota
    allowed = min(len(cpus), psutil.cpu_count(logical=False) or len(cpus))
    room = CpuRoom(allowed, quota)
    if not looking or room.most < 2:
        return room
    began, used = time.monotonic(), 0.0 if group is None else group.used()
    shares = psutil.cpu_percent(interval=_LOOK, percpu=True)
    taken = sum(share for cpu, share in enumerate(shares) if cpu in cpus) / 100
    busy = taken - (len(cpus) - allowed)  # the cores' second threads are taken first
    group_busy = 0.0 if group is None else (group.used() - used) / (time.monotonic() - began)
    return CpuRoom(allowed, quota, max(0.0, busy), group_busy)


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _groups(root: Path) -> Iterator[CpuGroup]:
    """The control groups of this process that have a quota, of version 1 and 2, with those above them."""
    for line in _lines(root / "proc" / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounted = root / "sys" / "fs" / "cgroup" / controllers
        inside = mounted / path.lstrip("/")
        for folder in (inside, *inside.parents):  # a container may not see where it is itself
            if folder.is_relative_to(mounted) and (quota := _quota(folder)) is not None:
                yield CpuGroup(quota, folder)


def _quota(folder: Path) -> float | None:
    """Of version 2 `200000 100000`, microseconds in a period; of version 1 the same in two files, -1 for none."""
    words = _words(folder / "cpu.max") or [
        *_words(folder / "cpu.cfs_quota_us"),
        *_words(folder / "cpu.cfs_period_us"),
    ]
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    quota, period = map(int, words)
    return quota / period if quota and period else None


def _words(file: Path) -> list[str]:
    return " ".join(_lines(file)).split()


def _lines(file: Path) -> list[str]:
    """None where there is no such file, or it is not ours to read."""
    try:
        return file.read_text("utf-8").splitlines()
    except OSError:
        return []
