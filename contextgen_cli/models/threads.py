"""How many CPU threads a process computes with, and how they wait for one another: decided here for all commands.

More threads than there are idle CPUs are worse than one: all of them wait for the slowest, and those that spin while
they wait take the time that it needs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from contextgen_cli.models.cpus import CpuRoom, cpu_room

VARIABLE = "OMP_NUM_THREADS"
_NOTICEABLE = 0.5  # CPUs; what others take of one less is no reason to leave it alone


@dataclass(frozen=True, slots=True)
class Threads:
    """How many threads each process has, and why.

    Attributes:
        fewer: whether there would be more, if others did not compute.
    """

    count: int
    reason: str
    fewer: bool = False

    def __str__(self) -> str:
        return f"{self.count} thread{'s' * (self.count > 1)}: {self.reason}"


def wait_passively() -> None:
    """Let threads with nothing to do sleep, here and in child processes, unless the environment says how they wait.

    OpenMP's libraries (libgomp in the wheels for Linux, libomp, libiomp) read it when they are loaded: before torch is.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def stated_threads() -> int | None:
    """What the user, or a launcher, has put into the environment; of several numbers the outermost."""
    first = os.environ.get(VARIABLE, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def choose_threads(asked: int | None = None, processes: int = 1, *, looking: bool = True) -> Threads:
    """The threads of each of so many processes that share this host.

    Args:
        asked: by `--threads`; it beats OMP_NUM_THREADS, which beats what is idle.
        looking: whether what others take is looked at: not where the others are these processes.
    """
    if asked is not None:
        return Threads(asked, "--threads")
    if (stated := stated_threads()) is not None:
        return Threads(stated, VARIABLE)
    return threads_for(cpu_room(looking=looking), processes)


def threads_for(room: CpuRoom, processes: int = 1) -> Threads:
    """One for each idle CPU, shared by so many processes; at least one each."""
    most, count = (max(1, int(cpus) // processes) for cpus in (room.most, room.idle + _NOTICEABLE))
    reasons = [f"{room.allowed} CPU{'s' * (room.allowed > 1)}"]
    if room.quota is not None:
        reasons.append(f"a quota of {room.quota:g}")
    if (busy := max(room.busy, room.group_busy)) >= _NOTICEABLE:
        reasons.append(f"about {busy:.1f} busy with other processes")
    if processes > 1:
        reasons.append(f"{processes} processes")
    return Threads(min(most, count), ", ".join(reasons), fewer=count < most)


def compute_here(asked: int | None, processes: int = 1, *, looking: bool = True) -> Threads:
    """Choose the threads of this process, and let it compute with them."""
    chosen = choose_threads(asked, processes, looking=looking)
    compute_with(chosen)
    return chosen


def compute_with(threads: Threads) -> None:
    """Let this process compute with them."""
    import torch

    torch.set_num_threads(threads.count)
