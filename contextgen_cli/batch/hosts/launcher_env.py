"""Whether a launcher started this process among others, as its environment says: accelerate launch, torchrun, mpirun,
srun.

The place among them is accelerate's reading of the environment; `srun`'s variables, and what is said of restarts and of
where the others are met, accelerate does not read. Nothing here opens a process group: ranks never wait for one
another, so that one may die without the others noticing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contextgen_cli.batch.hosts.listening import listen
from contextgen_cli.batch.worker import process_name
from contextgen_cli.errors import EnvironmentProblem, UsageError

PATIENCE = timedelta(minutes=10)  # for hosts that a scheduler starts one after another
_PORTS = range(20_000, 30_000)  # where a SLURM job names none
# What a rank's own process must not find: no library is to open a process group there.
VARIABLES = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT"),
    *("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"),
)
# What `mpirun` says and `srun` does not, which may set the others too: how many processes this host has.
_MPIRUN = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE")
_LOCALHOST, _PORT = "127.0.0.1", 29_500  # where accelerate has the processes of one host meet


@dataclass(frozen=True, slots=True)
class LauncherEnv:
    """This process's place among all that were started for one run."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    address: str = ""
    port: int = 0
    attempt: int = 0  # how often an elastic agent started the group anew
    agent: bool = False  # an elastic agent keeps the store, and outlives us


NO_LAUNCHER = LauncherEnv()


def launcher_env() -> LauncherEnv:
    """The launcher that the environment describes; `NO_LAUNCHER` where there is none, or only this process in it.

    Raises:
        UsageError: a launcher's variables are incomplete or no numbers.
    """
    try:
        if int(os.environ.get("WORLD_SIZE", 1)) > 1 or not os.environ.keys().isdisjoint(_MPIRUN):
            return _launched()
        if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
            return _slurm(os.environ)
    except (KeyError, ValueError) as problem:
        hint = "Start it with torchrun, accelerate launch or srun, or without their variables."
        raise UsageError(f"the launcher's environment variables are incomplete: {problem}", hint=hint) from problem
    return NO_LAUNCHER


def open_store(launcher: LauncherEnv) -> Any:
    """A connection to the store that all ranks of the launcher share; every restart of the group has its own part.

    Raises:
        EnvironmentProblem: it cannot be reached, or opened where the others look for it.
    """
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # a lost connection is ours to tell, without a C++ trace
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]

    hosting = launcher.rank == 0 and not launcher.agent
    try:
        store = listen(launcher.address, launcher.port, PATIENCE) if hosting else _reach(launcher)
    except (OSError, RuntimeError, ValueError) as problem:  # torch's own are RuntimeErrors
        where = f"{launcher.address}:{launcher.port}"
        tried = f"listen at {where}" if hosting else f"reach process 1 at {where}"
        hint = "MASTER_ADDR and MASTER_PORT must name the first host as the others reach it."
        raise EnvironmentProblem(f"{process_name(launcher.rank)} cannot {tried}: {problem}", hint=hint) from problem
    return PrefixStore(f"contextgen/{launcher.attempt}", store)


def _reach(launcher: LauncherEnv) -> Any:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(launcher.address, launcher.port, is_master=False, timeout=PATIENCE, use_libuv=True)


def _launched() -> LauncherEnv:
    from accelerate.utils import get_cpu_distributed_information

    place = get_cpu_distributed_information()  # of GPUs' processes too, whatever its name says
    given: Mapping[str, str] = os.environ
    if place.world_size == 1:
        return NO_LAUNCHER
    if "WORLD_SIZE" not in given and place.local_world_size == place.world_size:
        given = {"MASTER_ADDR": _LOCALHOST, "MASTER_PORT": str(_PORT), **given}
    return LauncherEnv(
        rank=place.rank,
        size=place.world_size,
        local_rank=place.local_rank,
        local_size=place.local_world_size,
        address=given["MASTER_ADDR"],
        port=int(given["MASTER_PORT"]),
        attempt=int(given.get("TORCHELASTIC_RESTART_COUNT", 0)),
        agent=given.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
    )


def _slurm(given: Mapping[str, str]) -> LauncherEnv:
    """A job step of several tasks. A batch script's own environment is none: there, `--processes` starts the ranks."""
    job = int(given["SLURM_JOB_ID"])
    return LauncherEnv(
        rank=int(given["SLURM_PROCID"]),
        size=int(given["SLURM_STEP_NUM_TASKS"]),
        local_rank=int(given.get("SLURM_LOCALID", 0)),
        local_size=int(given.get("SLURM_STEP_TASKS_PER_NODE", "1").split("(")[0].split(",")[0]),
        address=given.get("MASTER_ADDR") or _first_host(given["SLURM_STEP_NODELIST"]),
        port=int(given.get("MASTER_PORT") or _PORTS[job % len(_PORTS)]),
        attempt=int(given.get("SLURM_RESTART_COUNT", 0)),
    )


def _first_host(nodes: str) -> str:
    """The first of SLURM's list: `a[03-05,9],b1` -> `a03`."""
    match = re.match(r"([^,\[]+)(?:\[([0-9]+)[^\]]*\])?", nodes)
    if match is None:
        raise ValueError(f"SLURM_STEP_NODELIST={nodes}")
    return match[1] + (match[2] or "")
