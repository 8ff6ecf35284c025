"""Where a launcher has put this process, as its environment says."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from torch.distributed import TCPStore

from contextgen_cli.batch.hosts.launcher_env import NO_LAUNCHER, VARIABLES, LauncherEnv, launcher_env, open_store
from contextgen_cli.errors import UsageError

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "29500"}
ELASTIC = {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "2", "TORCHELASTIC_USE_AGENT_STORE": "True"}
SLURM = {
    "SLURM_STEP_NUM_TASKS": "16",
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
    "SLURM_JOB_ID": "41234",
    "SLURM_STEP_NODELIST": "gpu[007-008]",
    "SLURM_STEP_TASKS_PER_NODE": "8(x2)",
}
PMI2 = {"PMI_RANK": "9", "PMI_SIZE": "16"}  # which `srun --mpi=pmi2` sets as well
OPENMPI = {
    "OMPI_COMM_WORLD_RANK": "5",
    "OMPI_COMM_WORLD_SIZE": "8",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
}
HYDRA = {"PMI_RANK": "1", "PMI_SIZE": "2", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"}
MET = {"MASTER_ADDR": "x", "MASTER_PORT": "7"}


@pytest.fixture
def env(monkeypatch):
    """Sets an environment in which no launcher is but the one given."""
    for name in os.environ:
        if name in VARIABLES or name.startswith(("SLURM_", "PMI_", "OMPI_", "MPI_", "MV2_", "TORCHELASTIC_")):
            monkeypatch.delenv(name)

    def set_to(variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_to


@pytest.mark.parametrize(
    ("variables", "launcher"),
    [
        ({}, NO_LAUNCHER),
        ({"RANK": "0", "WORLD_SIZE": "1"}, NO_LAUNCHER),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_ID": "1"}, NO_LAUNCHER),  # a batch script, not a step
        (TORCHRUN, LauncherEnv(3, 4, 1, 1, "a", 29500)),
        (TORCHRUN | ELASTIC, LauncherEnv(3, 4, 1, 2, "a", 29500, 2, True)),
        (SLURM, LauncherEnv(9, 16, 1, 8, "gpu007", 21234)),
        (SLURM | MET, LauncherEnv(9, 16, 1, 8, "x", 7)),
        (SLURM | PMI2, LauncherEnv(9, 16, 1, 8, "gpu007", 21234)),
        (OPENMPI | MET, LauncherEnv(5, 8, 1, 4, "x", 7)),
        (SLURM | OPENMPI | MET, LauncherEnv(5, 8, 1, 4, "x", 7)),  # mpirun starts its daemons by srun
        (HYDRA, LauncherEnv(1, 2, 1, 2, "127.0.0.1", 29500)),
        (HYDRA | {"PMI_SIZE": "1", "MPI_LOCALNRANKS": "1"}, NO_LAUNCHER),
    ],
)
def test_where_a_launcher_put_us(variables, launcher, env):
    env(variables)
    assert launcher_env() == launcher


@pytest.mark.parametrize(
    "broken",
    [
        {"WORLD_SIZE": "4"},
        {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"},
        TORCHRUN | {"RANK": "three"},
        TORCHRUN | {"MASTER_PORT": ""},
        {"SLURM_STEP_NUM_TASKS": "2"},
        OPENMPI,  # of two hosts, and nothing says where they meet
    ],
)
def test_half_a_launcher_is_refused(broken, env):
    env(broken)
    with pytest.raises(UsageError, match="incomplete") as caught:
        launcher_env()
    assert "accelerate launch" in caught.value.hint


def test_every_restart_of_the_group_has_its_own_part_of_the_agent_s_store():
    agent = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    first = LauncherEnv(0, 2, address="127.0.0.1", port=agent.port, agent=True)
    open_store(first).set("closed", "over")
    assert open_store(replace(first, rank=1)).check(["closed"])
    assert not open_store(replace(first, attempt=1)).check(["closed"])


@pytest.mark.parametrize("launcher", [TORCHRUN, OPENMPI | MET, HYDRA], ids=["torchrun", "openmpi", "hydra"])
def test_without_the_variables_accelerate_opens_no_group(launcher, env, monkeypatch):
    """What ranks take out of their environment is all that accelerate would open a process group for."""
    from accelerate import PartialState

    env(launcher)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for cpu in (True, False):
        assert PartialState.__new__(PartialState)._prepare_backend(cpu) == (None, "NO")
