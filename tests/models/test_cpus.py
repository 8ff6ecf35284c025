"""What of the CPUs there is for a process: affinity, the quota of its control group, what others take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contextgen_cli.models.cpus import CpuRoom, cpu_room

V2, V1 = "0::/app\n", "4:memory:/app\n3:cpu,cpuacct:/app\n0::/\n"


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A file system that says so of the control groups of this process."""
    for name, content in {"proc/self/cgroup": groups, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        (V2, {"sys/fs/cgroup/app/cpu.max": "150000 100000\n"}, 1.5),
        (V2, {"sys/fs/cgroup/app/cpu.max": "max 100000\n"}, None),
        (V2, {"sys/fs/cgroup/app/cpu.max": "max 100000\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "300000 100000\n"}, 3.0),  # a container sees its own as the root
        (
            V1,
            {
                "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us": "100000\n",
            },
            2.0,
        ),
        (
            V1,
            {
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ("", {}, None),
    ],
)
def test_the_smallest_quota_of_the_control_groups_counts(groups, files, quota, tmp_path):
    room = cpu_room(looking=False, root=machine(tmp_path, groups, files))
    assert room.quota == quota
    assert room.most == (room.allowed if quota is None else min(quota, room.allowed))


def test_a_machine_without_control_groups_has_no_quota(tmp_path):
    assert cpu_room(looking=False, root=tmp_path).quota is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process")
def test_only_the_cpus_that_the_process_may_run_on_count():
    ask = "from contextgen_cli.models.cpus import cpu_room; print(cpu_room(looking=False).allowed)"
    one = min(os.sched_getaffinity(0))
    pinned = f"import os; os.sched_setaffinity(0, [{one}]); {ask}"
    assert subprocess.check_output([sys.executable, "-c", pinned], text=True).strip() == "1"


@pytest.mark.skipif(cpu_room(looking=False).most < 2, reason="with one CPU nobody looks")
def test_what_another_process_takes_is_not_idle():
    neighbour = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        assert neighbour.stdout is not None and neighbour.stdout.readline()
        assert cpu_room().busy > 0.3
    finally:
        neighbour.kill()
        neighbour.communicate()


def test_a_quota_leaves_what_the_others_of_the_group_do_not_take():
    assert CpuRoom(64, quota=4, busy=2, group_busy=2.5).idle == 1.5
    assert CpuRoom(64, quota=4, busy=63, group_busy=0).idle == 1
    assert CpuRoom(4, busy=1.2).idle == pytest.approx(2.8)
