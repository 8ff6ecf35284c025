"""Two runs into one folder at the same time: nothing is painted twice, and what a dead one had is taken over."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import painters
import pytest
from painters import job
from waiting import DEADLINE

from contextgen_cli.batch.claims import Claims, tidy
from contextgen_cli.batch.launch import run_in_process
from contextgen_cli.batch.ledger import read
from contextgen_cli.batch.plan import Plan
from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.batch.resume import plan_status
from contextgen_cli.batch.worker import JobOptions, Status
from contextgen_cli.records.output import Destination
from contextgen_cli.terminal.progress import Silence

HOLDER = """
import sys, time
from pathlib import Path
from contextgen_cli.batch.claims import Claims
with Claims(Path(sys.argv[1]), print).hold(sys.argv[2], "b") as ours:
    print(ours, flush=True)
    time.sleep(3600)
"""


class Notes(Silence):
    def __init__(self) -> None:
        self.said: list[str] = []

    def noticed(self, text: str) -> None:
        self.said.append(text)


@contextlib.contextmanager
def another_run_at(folder: Path, job_id: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder), job_id], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "True\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run(folder: Path, *names: str):
    plan = Plan(tuple(job(name, number) for number, name in enumerate(names)))
    options, notes = JobOptions(Destination.parse(str(folder)), painters.record_of), Notes()
    painter = painters.make(RankPlace(0, 1))
    return run_in_process(plan_status(plan, options), painter, options, notes, lambda: False), notes


@pytest.mark.processes
def test_what_another_run_is_at_comes_last_and_is_taken_over_when_that_one_is_killed(tmp_path) -> None:
    with another_run_at(tmp_path, job("b", 1).id) as other:
        outcomes, notes = run(tmp_path, "a", "b", "c")
        assert [next(outcomes).job.name, next(outcomes).job.name] == ["a-0", "c-2"]
        other.send_signal(signal.SIGKILL)
        assert [(outcome.job.name, outcome.status) for outcome in outcomes] == [("b-1", Status.RENDERED)]
    assert notes.said == [f"another run into {tmp_path} is at b-1: what it paints is left to it"]


@pytest.mark.processes
def test_what_another_run_finished_meanwhile_is_not_painted(tmp_path) -> None:
    with another_run_at(tmp_path, job("b", 1).id) as other:
        outcomes, _ = run(tmp_path, "a", "b")
        assert next(outcomes).job.name == "a-0"
        options = JobOptions(Destination.parse(str(tmp_path)), painters.record_of)
        other_picture = options.destination.place("b", 1, job("b", 1).id).path
        from PIL import Image

        from contextgen_cli.records.output import encode, write

        write(other_picture, encode(Image.new("L", (16, 16)), painters.record_of(job("b", 1))))
        other.kill()
        assert [(outcome.job.name, outcome.status) for outcome in outcomes] == [("b-1", Status.SKIPPED)]


def test_a_claim_goes_with_its_job_and_not_only_with_the_run(tmp_path) -> None:
    outcomes, _ = run(tmp_path, "a", "b")
    next(outcomes)
    assert list((tmp_path / ".contextgen" / "claims").iterdir()) == []
    assert len(list(outcomes)) == 1


def test_a_job_that_was_found_at_work_is_waited_for_and_another_run_is_told_of_once(tmp_path) -> None:
    said: list[str] = []
    theirs, ours = Claims(tmp_path, said.append), Claims(tmp_path, said.append)
    with theirs.hold("one", "a-0"), theirs.hold("two", "b-0"):
        for job_id, name in (("one", "a-0"), ("two", "b-0")):
            with ours.hold(job_id, name) as is_ours:
                assert not is_ours
        began = time.monotonic()
        with ours.hold("one", "a-0") as is_ours:
            assert not is_ours
        assert time.monotonic() - began > 0.5, "else a run that has nothing else to do would never rest"
    assert said == [f"another run into {tmp_path} is at a-0: what it paints is left to it"]
    with ours.hold("one", "a-0") as is_ours:
        assert is_ours


@pytest.mark.processes
def test_the_end_of_a_run_takes_no_claim_from_another(tmp_path) -> None:
    with another_run_at(tmp_path, job("b", 1).id):
        tidy(tmp_path)
        with Claims(tmp_path, print).hold(job("b", 1).id, "b-1") as is_ours:
            assert not is_ours
    tidy(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_claim_is_left_behind(tmp_path) -> None:
    outcomes, notes = run(tmp_path, "a", "b")
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-0.png", "b-1.png", "ledger.jsonl"]
    assert notes.said == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has locks of its own")
@pytest.mark.parametrize(
    ("reason", "said"),
    [(errno.ENOLCK, 0), (errno.ENOSYS, 0), (errno.EOPNOTSUPP, 0), (errno.EIO, 1)],
    ids=["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EIO"],
)
def test_where_no_job_can_be_claimed_the_run_goes_on(tmp_path, monkeypatch, reason, said) -> None:
    """What a run says of file systems without locks, it says before it paints."""

    def no_lock(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr("fcntl.flock", no_lock)
    outcomes, notes = run(tmp_path, "a", "b", "c")
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED] * 3
    assert ["no job can be claimed" in words for words in notes.said] == [True] * said


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("linked", [".contextgen", ".contextgen/claims"])
def test_nothing_is_removed_behind_a_link_that_somebody_planted(tmp_path, linked) -> None:
    victim = tmp_path / "victim"
    (victim / "claims").mkdir(parents=True)
    precious = [victim / "a.txt", victim / "claims" / "b.txt", victim / ("0" * 64), victim / "claims" / ("0" * 64)]
    for each in precious:
        each.touch()
    out = tmp_path / "out"
    (out / linked).parent.mkdir(parents=True)
    (out / linked).symlink_to(victim)
    outcomes, notes = run(out, "a", "b")
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED] * 2
    assert all(each.exists() for each in precious)
    assert len(list(victim.rglob("*"))) == len(precious) + 1, "nor is anything put there"
    assert [str(out / linked) in words for words in notes.said] == [True]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_in_the_place_of_a_claim_is_nobodys_claim(tmp_path) -> None:
    claims = tmp_path / ".contextgen" / "claims"
    claims.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("mine")
    (claims / job("a", 0).id).symlink_to(tmp_path / "elsewhere")
    outcomes, notes = run(tmp_path, "a", "b")
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED] * 2
    assert ((tmp_path / "elsewhere").read_text(), notes.said, claims.exists()) == ("mine", [], False)


def test_only_claims_are_removed_from_their_folder(tmp_path) -> None:
    claims = tmp_path / ".contextgen" / "claims"
    claims.mkdir(parents=True)
    (claims / "notes.txt").touch()
    (claims / ("f" * 64)).touch()  # of a process that was killed
    outcomes, _ = run(tmp_path, "a", "b")
    assert len(list(outcomes)) == 2
    assert [path.name for path in claims.iterdir()] == ["notes.txt"]


@pytest.mark.processes
def test_two_equal_runs_at_once_paint_nothing_twice(tmp_path) -> None:
    program = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_claims
outcomes, _ = test_claims.run(Path(sys.argv[1]), *["slow"] * 8)
print(sum(outcome.status.value == "rendered" for outcome in outcomes))
"""
    here = str(Path(__file__).parent)
    search = os.pathsep.join([here, str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", program, str(tmp_path), here]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": search})
        for _ in range(2)
    ]
    painted = [int(each.communicate(timeout=DEADLINE)[0]) for each in runs]
    assert sum(painted) == 8
    assert sorted(attempt.seed for attempt in read(tmp_path).attempts) == list(range(8))
    assert min(painted) >= 1, "neither waited for the other to do it all"
