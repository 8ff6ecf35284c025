"""Ranks as real processes, with painters that need no model: who does what, and what happens to those that die."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import painters
import pytest
from painters import job
from waiting import DEADLINE

from contextgen_cli.batch.crashes import CrashAccount
from contextgen_cli.batch.job_store import OVER
from contextgen_cli.batch.launch import LocalEngine, Topology, run_on_ranks
from contextgen_cli.batch.ledger import Reason, append, read
from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.plan import Plan
from contextgen_cli.batch.rank import RankPlace, serve
from contextgen_cli.batch.resume import plan_status, tidy
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import JobOptions, Outcome, Status
from contextgen_cli.errors import EnvironmentProblem, OutputError
from contextgen_cli.records.output import Destination
from contextgen_cli.terminal.progress import Silence

pytestmark = pytest.mark.processes


class Hearing(Silence):
    def __init__(self) -> None:
        self.notices: list[str] = []
        self.ranks: set[int] = set()

    def job_started(self, job, rank=0) -> None:
        self.ranks.add(rank)

    def noticed(self, text) -> None:
        self.notices.append(text)


def run(
    folder: Path, *names: str, processes: int = 2, make=painters.make, interrupted=lambda: False, **job_options
) -> tuple[list[Outcome], Hearing]:
    jobs = Plan(tuple(job(name, number) for number, name in enumerate(names)))
    folder.mkdir(exist_ok=True)
    given = JobOptions(Destination.parse(str(folder)), painters.record_of, **job_options)
    hearing, topology = Hearing(), Topology(processes)
    there = plan_status(jobs, given)
    tidy(there, given)
    engine = LocalEngine(topology, LocalJobStore(), make, given)
    painted = run_on_ranks(engine, there, hearing, interrupted)
    return [*there.done, *there.set_aside, *painted], hearing


def ended(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.job.name: outcome.status.value for outcome in outcomes}


def test_a_job_that_takes_its_process_down_twice_is_set_aside(tmp_path):
    outcomes, hearing = run(tmp_path, "a", "bomb", "b", "c")
    assert ended(outcomes) == {"a-0": "rendered", "bomb-1": "crashed", "b-2": "rendered", "c-3": "rendered"}
    assert [("restarted" in said, "SIGKILL" in said) for said in hearing.notices] == [(True, True)] * 2
    crashes = [attempt for attempt in read(tmp_path).attempts if attempt.outcome == "crashed"]
    assert [attempt.scene for attempt in crashes] == ["bomb", "bomb"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-0.png", "b-2.png", "c-3.png", "ledger.jsonl"]

    again, hearing = run(tmp_path, "a", "bomb", "b", "c")
    left = [outcome for outcome in again if outcome.status is Status.CRASHED]
    assert ([outcome.earlier for outcome in left], hearing.notices) == ([True], [])
    retried, _ = run(tmp_path, "a", "bomb", processes=1, retry_failed=True)
    assert [outcome.earlier for outcome in retried if outcome.status is Status.CRASHED] == [False]
    assert read(tmp_path).crashes == {job("bomb", 1).id: 4}


def test_a_process_whose_device_gave_up_is_replaced(tmp_path):
    outcomes, hearing = run(tmp_path, "a", "lost", "b", "c", processes=1)
    assert ended(outcomes) == {"a-0": "rendered", "lost-1": "crashed", "b-2": "rendered", "c-3": "rendered"}
    assert sum("restarted" in said for said in hearing.notices) == 2


def test_a_crash_of_an_earlier_run_counts(tmp_path):
    crashed = Outcome(job("bomb", 1), Status.CRASHED, reason=Reason("Crash", "took its process down once"))
    append(tmp_path, [crashed.attempt(tmp_path)])
    outcomes, _ = run(tmp_path, "a", "bomb")
    assert [outcome.earlier for outcome in outcomes if outcome.status is Status.CRASHED] == [False]  # tried once more
    assert read(tmp_path).crashes == {job("bomb", 1).id: 2}  # and only once


def test_what_dies_once_is_tried_once_more_and_the_others_never_notice(tmp_path, monkeypatch):
    monkeypatch.setenv("PAINTERS_ONCE", str(tmp_path / "exploded"))
    outcomes, hearing = run(tmp_path / "out", "a", "once", *"bcdef", processes=3)
    assert set(ended(outcomes).values()) == {"rendered"}
    assert len(outcomes) == 7 and len(hearing.notices) == 1
    assert [attempt.outcome for attempt in read(tmp_path / "out").attempts if attempt.scene == "once"] == [
        "crashed",
        "rendered",
    ]


def test_failures_are_outcomes_and_enough_of_them_end_the_run(tmp_path):
    outcomes, _ = run(tmp_path / "all", "bad", "a", "bad", "b")
    assert sorted(ended(outcomes).values()) == ["failed", "failed", "rendered", "rendered"]
    outcomes, _ = run(tmp_path / "few", "bad", *["slow"] * 400, max_failures=1)
    assert len(outcomes) < 200
    assert {outcome.reason.message for outcome in outcomes if outcome.reason} == {"no"}


def test_ranks_that_die_before_they_paint_end_the_run(tmp_path):
    with pytest.raises(EnvironmentProblem, match="died 3 times before it painted"):
        run(tmp_path, "a", "b", make=painters.make_stillborn)


def test_the_third_death_in_a_row_is_one_too_many_and_each_puts_back_its_job(tmp_path):
    job_store = LocalJobStore()
    job_store.publish([job("a")])
    told: list[Event] = []
    account = CrashAccount(job_store, JobOptions(Destination.parse(str(tmp_path)), painters.record_of), told.append)
    for before in range(2):
        assert account.before_work(0, job_store.take(), "killed", before) == before + 1
    assert (len(told), job_store.closed) == (2, None)
    with pytest.raises(EnvironmentProblem, match="died 3 times before it painted"):
        account.before_work(0, job_store.take(), "killed", 2)
    assert (job_store.take(), job_store.closed) == (0, OVER)


def test_only_deaths_in_a_row_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PAINTERS_ONCE", str(tmp_path / "died"))
    outcomes, hearing = run(tmp_path / "out", "shy", "shy", "shy", processes=1)
    assert set(ended(outcomes).values()) == {"rendered"}
    assert ["died as it began" in said for said in hearing.notices] == [True] * 3


def test_a_full_disk_in_one_rank_ends_the_run_and_what_is_finished_stays(tmp_path):
    with pytest.raises(OutputError, match="the disk is full"):
        run(tmp_path, "a", "full", *["slow"] * 400)
    rendered = {attempt.file for attempt in read(tmp_path).attempts if attempt.outcome == "rendered"}
    assert rendered == {path.name for path in tmp_path.glob("*.png")}
    assert 1 <= len(rendered) < 200


def test_an_interruption_lets_the_pictures_at_work_be_finished(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, *["slow"] * 400, interrupted=lambda: any(tmp_path.glob("*.png")))
    assert 1 <= len(list(tmp_path.glob("*.png"))) < 200
    assert len(read(tmp_path).attempts) == len(list(tmp_path.glob("*.png")))
    assert not list(tmp_path.glob(".*"))


def test_a_lost_line_is_added_and_a_dead_process_s_leavings_removed(tmp_path):
    run(tmp_path, "a", "b", processes=1)
    before = read(tmp_path).attempts
    (tmp_path / "ledger.jsonl").unlink()
    host = os.uname().nodename
    dead, living, elsewhere = (
        tmp_path / f".a-0.png.{owner}.part" for owner in (f"{host}.4194303", f"{host}.{os.getpid()}", "other.4194303")
    )
    for stray in (dead, living, elsewhere):
        stray.touch()
    outcomes, _ = run(tmp_path, "a", "b")
    assert set(ended(outcomes).values()) == {"skipped"}
    assert {attempt.file for attempt in read(tmp_path).attempts} == {attempt.file for attempt in before}
    assert [stray.exists() for stray in (dead, living, elsewhere)] == [False, True, True]


def test_the_dearest_come_first_model_by_model():
    jobs = [job("a", 0, 1.0), job("b", 1, 3.0), job("c", 2, 2.0), job("d", 3, 3.0)]
    assert [each.scene.name for each in Plan(tuple(jobs)).most_expensive_first().jobs] == list("bdca")


def test_a_rank_whose_supervisor_is_gone_ends_and_holds_that_against_no_job(tmp_path):
    """The line breaks a moment before its watcher hears that the process behind it was killed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    given = JobOptions(Destination.parse(str(tmp_path)), painters.record_of)
    rank = context.Process(target=serve, args=(theirs, painters.make, given, RankPlace(0, 1)))
    rank.start()
    theirs.close()
    assert ours.recv().kind == "ready"
    ours.send((0, job("a")))
    ours.close()
    rank.join(DEADLINE)
    assert (rank.exitcode, read(tmp_path).attempts) == (1, ())
