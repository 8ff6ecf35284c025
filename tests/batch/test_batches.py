"""Whole batches through the command line, with the tiny real model: several processes, kills, interruptions."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from painting import TINY_ADAPTER, TINY_MODEL, with_options, write_scene
from waiting import DEADLINE, wait_until

from contextgen_cli.batch.ledger import LEDGER, read
from contextgen_cli.records.picture_file import read_record

RENDER = [sys.executable, "-m", "contextgen_cli", "render"]
TINY = ("--model", str(TINY_MODEL), "--adapter", str(TINY_ADAPTER), "--device", "cpu", "--steps", "1")
ALONE = ("--processes", "0", "-q")
JOBS = 8
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """Scenes, and the pictures that one process makes of them without interruption."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "scenes").mkdir()
    write_scene(folder / "scenes" / "a.yaml", seed=0, count=JOBS - 2)
    write_scene(folder / "scenes" / "b.yaml", seed=3, count=2, canvas={"width": 192, "height": 192})
    command = [*RENDER, str(folder / "scenes"), *TINY, "-o", str(folder / "whole"), *ALONE]
    subprocess.run(command, check=True, capture_output=True)  # as little done before as in the runs it is compared with
    pictures = pictures_of(folder / "whole")
    assert len(pictures) == JOBS
    return folder / "scenes", pictures


def pictures_of(folder: Path) -> dict[str, bytes]:
    """All that is in an output folder but the ledger."""
    if not folder.exists():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != LEDGER}


def start(scenes: Path, out: Path, *more: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*(launcher or RENDER), str(scenes), *with_options(TINY, "-o", str(out), *more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_pictures(process: subprocess.Popen[str], out: Path, count: int) -> None:
    """Until there are so many, or the run has ended, well or badly: what it left tells."""
    wait_until(
        lambda: process.poll() is not None or len(list(out.glob("*.png"))) >= count,
        f"{count} pictures in {out}",
    )


def ranks_of(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return [child for child, command in commands.items() if "spawn_main" in command]


def test_three_processes_come_to_the_same_bytes_as_one(whole, tmp_path):
    scenes, pictures = whole
    process = start(scenes, tmp_path, "--processes", "3", "--json")
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    assert pictures_of(tmp_path) == pictures
    *jobs, summary = map(json.loads, out.splitlines())
    assert (summary["rendered"], summary["exit"], len(jobs)) == (JOBS, 0, JOBS)
    attempts = read(tmp_path).attempts
    assert sorted(attempt.file for attempt in attempts) == sorted(pictures)
    assert all(attempt.peak_bytes and attempt.seconds and attempt.at.endswith("+00:00") for attempt in attempts)


def test_ranks_approximate_as_one_process_does_and_share_a_cache(whole, tmp_path):
    scenes, _ = whole
    asked = ["--steps", "6", "--count", "1", "--reuse-references", "3", "--cache", str(tmp_path / "texts")]
    process = start(scenes, tmp_path / "2", *asked, "--processes", "2")
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    command = [*RENDER, str(scenes), *with_options(TINY, "-o", str(tmp_path / "0"), *asked, *ALONE)]
    subprocess.run(command, check=True, capture_output=True)
    for out in (tmp_path / "2", tmp_path / "0"):
        assert [read_record(picture)["approximations"] for picture in out.glob("*.png")] == ["reuse-references=3"] * 2
    assert pictures_of(tmp_path / "2") == pictures_of(tmp_path / "0")
    assert [file.suffix for file in (tmp_path / "texts").iterdir()] == [".safetensors"]  # both scenes have one prompt


def test_a_rank_that_is_killed_is_replaced(whole, tmp_path):
    scenes, pictures = whole
    process = start(scenes, tmp_path, "--processes", "2", "--steps", "1")
    wait_for_pictures(process, tmp_path, 1)
    os.kill(ranks_of(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    assert "restarted" in err
    assert pictures_of(tmp_path) == pictures


def test_killed_at_random_moments_it_comes_to_the_same_pictures(whole, tmp_path):
    """`KILLS=200` in the environment kills as often; where the pictures run out, a new folder is begun."""
    scenes, pictures = whole
    moments, kills = random.Random(4), int(os.environ.get("KILLS", "3"))
    while kills:
        out = tmp_path / f"before the last {kills}"
        while kills and len(list(out.glob("*.png"))) < JOBS:
            process = start(scenes, out, "--processes", moments.choice("12"))
            wait_for_pictures(process, out, len(list(out.glob("*.png"))) + 1)
            time.sleep(moments.uniform(0, 0.2))
            with contextlib.suppress(ProcessLookupError):  # it was done before
                moments.choice((os.kill, os.killpg, os.killpg))(process.pid, signal.SIGKILL)
            process.communicate()
            kills -= 1
        process = start(scenes, out, "--processes", "2")
        _, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, err
        assert pictures_of(out) == pictures
        ledger = read(out)
        assert (ledger.crashes, {attempt.file for attempt in ledger.attempts}) == ({}, set(pictures))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_first_interruption_finishes_the_pictures_at_work(whole, tmp_path, number):
    scenes, _ = whole
    process = start(scenes, tmp_path, "--count", "500", "--processes", "2")
    wait_for_pictures(process, tmp_path, 2)
    send = os.killpg if number is signal.SIGINT else os.kill  # a terminal tells all its processes, a scheduler one
    send(process.pid, number)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, err
    assert "finishing the pictures at work" in err and err.count("interrupted: the same command goes on\n") == 1
    assert "Traceback" not in err and "died" not in err
    found = pictures_of(tmp_path)
    assert 2 <= len(found) < 500 and all(name.endswith(".png") for name in found)
    assert len(read(tmp_path).attempts) == len(found) == len(out.splitlines())


def test_the_second_interruption_stops_now(whole, tmp_path):
    scenes, _ = whole
    process = start(scenes, tmp_path, "--steps", "900", "--processes", "2", "--progress", "json")
    assert any('"step"' in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    assert any("finishing the pictures at work" in line for line in process.stderr)
    time.sleep(1.5)  # another within a second is not heard
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert pictures_of(tmp_path) == {}


TORCHRUN = "torch.distributed.run --nproc-per-node 2 --rdzv-backend c10d --rdzv-endpoint localhost:0"
ACCELERATE = "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0"
NO_FILE = "--mixed_precision no --dynamo_backend no"  # nor are its defaults spoken of


@pytest.mark.parametrize("launcher", [TORCHRUN, f"{ACCELERATE} {NO_FILE}"], ids=["torchrun", "accelerate launch"])
def test_under_a_launcher(whole, tmp_path, launcher):
    scenes, pictures = whole
    words = (sys.executable, "-m", *launcher.split(), "-m", "contextgen_cli", "render")
    process = start(scenes, tmp_path, "--json", launcher=words)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    assert pictures_of(tmp_path) == pictures
    *jobs, summary = map(json.loads, out.splitlines())
    assert (len(jobs), summary["rendered"]) == (JOBS, JOBS)
    assert {attempt.rank for attempt in read(tmp_path).attempts} <= {0, 1}


def test_a_disk_that_takes_no_picture_ends_the_run(whole, tmp_path):
    scenes, _ = whole
    command = [*RENDER, str(scenes), *TINY, "-o", str(tmp_path), "--processes", "1"]
    limited = ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *command]  # of 512 or 1024 bytes: a ledger, no picture
    done = subprocess.run(limited, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 3, done.stderr
    assert "cannot be written" in done.stderr and f"{JOBS} left undone" in done.stderr
    assert pictures_of(tmp_path) == {}


STRANGER = """
import sys
from torch.distributed import PrefixStore, TCPStore
store = PrefixStore("contextgen/0", TCPStore("127.0.0.1", int(sys.argv[1]), is_master=False))
store.wait(["total"])
for position in range(int(sys.argv[2])):
    old = store.get(f"job/{position}").decode()
    store.set(f"job/{position}", old.replace('"name": "', '"name": "../../stolen-'))
print("done", flush=True)
"""


def test_a_stranger_on_the_port_writes_no_picture_anywhere(whole, tmp_path):
    scenes, _ = whole
    out = tmp_path / "deep" / "er" / "out"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    slurm = {"SLURM_JOB_ID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "2"}
    slurm |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "SLURM_STEP_NODELIST": "localhost"}
    command = [*RENDER, str(scenes), *TINY, "-o", str(out), "--count", "200"]

    def rank(number: int) -> subprocess.Popen[str]:
        place = {"SLURM_PROCID": str(number), "SLURM_LOCALID": str(number)}
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **slurm, **place})

    first = rank(0)
    wait_for_pictures(first, out, 1)
    stranger = [sys.executable, "-c", STRANGER, str(port), "400"]
    assert subprocess.run(stranger, capture_output=True, text=True, timeout=DEADLINE, check=False).stdout == "done\n"
    ranks = [first, rank(1)]
    said = [each.communicate(timeout=DEADLINE)[1] for each in ranks]
    assert [each.returncode for each in ranks] == [3, 3], said
    assert "was not written by this run" in said[0]
    assert list(tmp_path.rglob("*stolen*")) == []
