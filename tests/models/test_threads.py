"""How many threads a process computes with: --threads before OMP_NUM_THREADS before what is idle."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from painting import TINY_MODEL, with_options
from shapes import TINY as SMALL
from training_files import training_file

from contextgen_cli.models.cpus import CpuRoom
from contextgen_cli.models.threads import choose_threads, threads_for


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("room", "processes", "count", "fewer"),
    [
        (CpuRoom(8), 1, 8, False),
        (CpuRoom(8), 3, 2, False),
        (CpuRoom(2), 8, 1, False),
        (CpuRoom(64, quota=2.5), 1, 2, False),
        (CpuRoom(64, quota=0.5), 1, 1, False),
        (CpuRoom(2, busy=1.0), 1, 1, True),
        (CpuRoom(2, busy=0.2), 1, 2, False),
        (CpuRoom(2, busy=2.0), 1, 1, True),
        (CpuRoom(16, busy=8.1), 2, 4, True),
        (CpuRoom(64, quota=4, busy=3, group_busy=3), 1, 1, True),
    ],
)
def test_idle_cpus_are_shared_and_one_is_left_to_each(room, processes, count, fewer):
    chosen = threads_for(room, processes)
    assert (chosen.count, chosen.fewer) == (count, fewer)


def test_the_reason_says_what_was_counted():
    assert str(threads_for(CpuRoom(8, quota=4, busy=2.04), 2)) == (
        "2 threads: 8 CPUs, a quota of 4, about 2.0 busy with other processes, 2 processes"
    )
    assert str(threads_for(CpuRoom(1))) == "1 thread: 1 CPU"


@pytest.mark.parametrize(
    ("asked", "stated", "count", "reason"),
    [(3, "2", 3, "--threads"), (None, "2", 2, "OMP_NUM_THREADS"), (None, "4,2", 4, "OMP_NUM_THREADS")],
)
def test_what_is_asked_for_beats_what_the_environment_says(asked, stated, count, reason, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    chosen = choose_threads(asked, processes=4)
    assert (chosen.count, chosen.reason) == (count, reason)


@pytest.mark.parametrize("stated", ["", "0", "many"])
def test_an_environment_that_says_nothing_leaves_the_choice(stated, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert "CPU" in choose_threads(looking=False).reason


@pytest.mark.parametrize("verb", ["render", "replay"])
def test_a_picture_is_painted_with_so_many_and_is_the_same_job(verb, contextgen, tiny, scene, tmp_path):
    out = tmp_path / "out"
    assert contextgen("render", scene, *tiny, "-o", out, "--threads", 1).code == 0
    assert torch.get_num_threads() == 1
    if verb == "render":
        done = contextgen("render", scene, *tiny, "-o", out, "--threads", 3)
        assert "1 skipped" in done.err
        assert contextgen("render", scene, *tiny, "-o", out, "--threads", 3, "--fresh").code == 0
    else:
        _, model, _, adapter, *_ = tiny
        again = ("--model", model, "--adapter", adapter, "--threads", 3, "-o", tmp_path / "again")
        assert contextgen("replay", out / "picnic-0.png", *again).code == 0
    assert torch.get_num_threads() == 3


@pytest.fixture
def _shared_machine(monkeypatch):
    """Two CPUs, one of which another process takes, and nobody has said how many threads there are to be."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("contextgen_cli.models.threads.cpu_room", lambda looking: CpuRoom(2, busy=float(looking)))


SHARED = "1 thread: 2 CPUs, about 1.0 busy with other processes"


@pytest.mark.usefixtures("_shared_machine")
def test_a_picture_leaves_its_cpu_to_a_busy_neighbour_and_says_so(contextgen, tiny, scene, tmp_path):
    done = contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    assert (done.code, torch.get_num_threads()) == (0, 1)
    assert SHARED in done.err
    again = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--fresh", "--threads", 2)
    assert (SHARED in again.err, torch.get_num_threads()) == (False, 2)


@pytest.mark.usefixtures("_shared_machine")
def test_ranks_share_what_is_left(contextgen, tiny, scene, tmp_path):
    """With two pictures for two processes: each has one thread."""
    options = with_options(tiny, "--processes", 2)
    done = contextgen("render", scene, *options, "--count", 2, "-o", tmp_path / "out")
    assert (done.code, "2 rendered" in done.err) == (0, True)
    assert "1 thread" not in done.err, "there are not fewer than two processes have on two CPUs anyway"


@pytest.mark.training
@pytest.mark.usefixtures("_shared_machine")
def test_training_and_measuring_do_the_same(contextgen, tmp_path):
    (tmp_path / "run.yaml").write_text(training_file(SMALL, "out"))
    small = ("--model", TINY_MODEL, "--device", "cpu", "--steps", 1, "--level", "plain", "--scenes", 1)
    for command in (("train", tmp_path / "run.yaml", "--device", "cpu"), ("bench", "synthetic", *small)):
        done = contextgen(*command)
        assert (done.code, torch.get_num_threads()) == (0, 1), done.err
        assert SHARED in done.err
    done = contextgen("bench", "synthetic", *small, "--threads", 3)
    assert (done.code, torch.get_num_threads(), SHARED in done.err) == (0, 3, False)


def test_doctor_says_how_many_and_why(contextgen, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert "device threads: 5 threads: OMP_NUM_THREADS" in contextgen("doctor").out


@pytest.mark.parametrize("number", ["0", "-1", "2000", "many"])
def test_numbers_that_cannot_be_are_refused(number, contextgen, tiny, scene):
    assert contextgen("render", scene, *tiny, "--threads", number).code == 2


@pytest.mark.parametrize(("stated", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_asleep_unless_the_environment_says_otherwise(stated, policy):
    """It is too late once torch is imported, which loads OpenMP's library."""
    run = (
        "import os, sys\n"
        "from contextgen_cli.__main__ import main\n"
        "sys.argv = ['contextgen', '--version']\n"
        "assert 'torch' not in sys.modules\n"
        "try: main()\n"
        "except SystemExit: print(os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if stated is None else {"OMP_WAIT_POLICY": stated}
    told = subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == policy
