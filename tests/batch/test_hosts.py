"""Several hosts, several runs: shares of a plan, jobs as JSON, the job store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from painters import RECIPE, job, record_of
from waiting import wait_until

from contextgen_cli.batch.hosts.followers import Followers
from contextgen_cli.batch.hosts.launcher_env import LauncherEnv
from contextgen_cli.batch.hosts.listening import listen
from contextgen_cli.batch.hosts.torch_store import TorchJobStore
from contextgen_cli.batch.job_store import INTERRUPTED, NOW, OVER
from contextgen_cli.batch.launch import _RunState
from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.plan import JobCost, Overrides, Plan, Portion, plan
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.serialization import Event, event_from_json, event_to_json, job_from_json, job_to_json
from contextgen_cli.batch.worker import JobOptions, Outcome, Status
from contextgen_cli.errors import EnvironmentProblem, OutputError
from contextgen_cli.records.output import Destination
from contextgen_cli.records.record import AdapterWeights
from contextgen_cli.scene.scene import Box, Fit, Flip, PlacedReference, Reference, SceneSource
from contextgen_cli.terminal.progress import Silence

KEY = b"a key of the run"


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 30])
def test_shards_have_every_job_once(shards):
    seeds = {"a": (0, 1, 2), "b": (5,), "c": (7, 8, 9, 10), "d": (1, 2)}
    scenes = [replace(job(name).scene, seeds=several) for name, several in seeds.items()]

    def share(shard: int) -> list[tuple[str, int]]:
        part = plan(scenes, Overrides(), lambda scene: RECIPE, lambda scene: JobCost(1, 1.0, 1), Portion(shard, shards))
        return [(each.scene.name, each.seed) for each in part.jobs]

    shares = [share(shard) for shard in range(1, shards + 1)]
    together = sorted(each for part in shares for each in part)
    assert together == [(name, seed) for name, several in seeds.items() for seed in several]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_limit_counts_within_the_shard():
    assert Portion(2, 2, limit=1).of((0, 1, 2, 3), 0, 0) == (1,)
    assert Portion(2, 2, limit=1).of((0, 1, 2, 3), 4, 1) == ()


def full_job():
    bare = job("a", 3)
    scene = replace(
        bare.scene,
        references=(Reference("crab", Path("/r/ä.png"), Path("/r/m.png"), Box(0, 0, 9, 9)), Reference("b", Path("b"))),
        instances=(PlacedReference("crab", Box(0.5, 1, 2, 3), Fit.STRETCH, Flip.VERTICAL, -7.5),),
        layout=Path("/l.png"),
        seeds=(3,),
        source=SceneSource(Path("/s.yaml"), 1, 2, (("who", "a fox"), ("n", 1.5))),
    )
    numerics = {**bare.recipe.numerics, "approximations": "quantize=int8", "compiled": True}
    recipe = replace(
        bare.recipe, adapters=(AdapterWeights("a", "1"), AdapterWeights("b", "2", 0.5, "f00d")), numerics=numerics
    )
    return replace(
        bare,
        scene=scene,
        recipe=recipe,
        inputs=tuple((path, "f0") for path in scene.files),
        readings=("turned upright",),
    )


@pytest.mark.parametrize("sent", [job("a"), full_job()], ids=["bare", "full"])
def test_a_job_arrives_as_it_was_sent(sent):
    assert job_from_json(job_to_json(sent)) == sent


def test_events_arrive_as_they_were_sent():
    jobs = (job("a"), job("b"))
    failed = Outcome(jobs[1], Status.FAILED, reason=Reason("JobError", "no", "try"), trace="…", seconds=1.5, rank=3)
    done = Outcome(jobs[0], Status.RENDERED, Path("/o/a.png"), Path("/o/b.png"), True, peak_bytes=7)
    for event in (
        Event("step", 2, 1, 5),
        Event("finished", 3, 1, outcome=failed),
        Event("finished", 0, 0, outcome=done),
        Event("noticed", 1, text="died"),
    ):
        assert event_from_json(event_to_json(event), jobs) == event
    problem = event_from_json(
        event_to_json(Event("problem", 1, problem=OutputError("full", hint="room"))), jobs
    ).problem
    assert (type(problem), problem.message, problem.hint) == (OutputError, "full", "room")


def arrived(ask):
    """What is there once the store has taken in what another connection sent: nobody waits for that."""
    return wait_until(lambda: (said := ask()) is not None and [said], "what another connection sent")[0]


def why_closed(job_store, why):
    return arrived(lambda: job_store.closed == why or None)


def heard_by(job_store):
    return arrived(lambda: list(job_store.hear()) or None)


def test_two_boards_of_one_store_share_the_jobs():
    from torch.distributed import PrefixStore, TCPStore

    server = listen("127.0.0.1", 0)
    mine = TorchJobStore(PrefixStore("run/0", server), KEY, leading=True)
    theirs = TorchJobStore(
        PrefixStore("run/0", TCPStore("127.0.0.1", server.port, is_master=False)), KEY, leading=False
    )
    jobs = [job("a", number) for number in range(5)]
    mine.publish(jobs)
    theirs.wait_for_plan(lambda: False)
    taken = [mine.take(), theirs.take(), theirs.take(), mine.take(), theirs.take(), mine.take(), theirs.take()]
    assert taken == [0, 1, 2, 3, 4, None, None]
    assert [theirs.job(position) for position in range(5)] == jobs
    mine.put_back(3)
    assert (arrived(theirs.take), mine.take()) == (3, None)
    theirs.tell(Event("step", 1, 3, 2))
    assert heard_by(mine) == [Event("step", 1, 3, 2)]
    assert [mine.crashed("x"), theirs.crashed("x")] == [1, 2]
    assert mine.closed is None
    theirs.close(INTERRUPTED)
    assert why_closed(mine, INTERRUPTED)
    mine.close(OVER)
    assert mine.closed == INTERRUPTED
    mine.close(NOW)
    assert why_closed(theirs, NOW)
    del mine, server
    with pytest.raises(EnvironmentProblem, match="cannot be reached"):
        theirs.take()


def test_the_job_of_a_host_that_is_lost_is_handed_to_another(tmp_path, monkeypatch, capsys):
    from torch.distributed import HashStore

    now = [100.0]
    monkeypatch.setattr("contextgen_cli.batch.hosts.followers.time.monotonic", lambda: now[0])
    job_store, listener = TorchJobStore(HashStore(), KEY, leading=True), Silence()
    jobs = (job("a", 0), job("a", 1))
    status = PlanStatus(Plan(jobs), Plan(jobs))
    job_store.publish(jobs)
    followers = Followers(job_store, LauncherEnv(rank=0, size=3))
    run = _RunState(job_store, 2, JobOptions(Destination(tmp_path), record_of), followers)
    for rank in (1, 2):
        job_store.beat(rank)
        list(run.hear(Event("taken", rank, job_store.take()), status, listener))
    for _ in range(13):  # 65 s, in which rank 2 says nothing
        run.put_back_lost(listener)
        now[0] += 5.0
        job_store.beat(1)
    run.put_back_lost(listener)
    assert capsys.readouterr().err == "process 3 gives no sign of life: its job is handed to another\n"
    assert (job_store.take(), job_store.take()) == (1, None)
    job_store.leave(1)
    assert run.followers.ended

    done = Event("finished", 1, 1, outcome=Outcome(jobs[1], Status.RENDERED, rank=1))
    assert [outcome.rank for outcome in run.hear(done, status, listener)] == [1]
    late = Event("finished", 2, 1, outcome=Outcome(jobs[1], Status.RENDERED, rank=2))
    assert list(run.hear(late, status, listener)) == []


class Idle:
    """A supervisor whose ranks have ended."""

    ended = True


def test_a_run_ends_when_each_host_has_left_or_is_lost(tmp_path, monkeypatch):
    from torch.distributed import HashStore

    now = [100.0]
    monkeypatch.setattr("contextgen_cli.batch.hosts.followers.time.monotonic", lambda: now[0])
    job_store = TorchJobStore(HashStore(), KEY, leading=True)
    followers = Followers(job_store, LauncherEnv(rank=0, size=4))
    run = _RunState(job_store, 1, JobOptions(Destination(tmp_path), record_of), followers)
    job_store.publish([job("a")])
    job_store.close(INTERRUPTED)
    for rank in (1, 2):  # rank 3 never comes
        job_store.beat(rank)
    job_store.leave(1)
    for _ in range(20):  # 100 s: rank 1 was last heard so long ago that it would be lost, had it not left
        run.put_back_lost(Silence())
        assert not run.ended(Idle())  # rank 2 is still at its picture
        now[0] += 5.0
        job_store.beat(2)
    job_store.leave(2)
    assert run.ended(Idle())


def test_the_store_is_kept_until_the_others_have_left_but_not_for_ever(monkeypatch):
    from torch.distributed import HashStore

    now, leaving = [100.0], iter((1, 2))
    job_store = TorchJobStore(HashStore(), KEY, leading=True)

    def pass_time(_: float) -> None:
        now[0] += 1.0
        if (rank := next(leaving, None)) is not None:
            job_store.leave(rank)

    monkeypatch.setattr("contextgen_cli.batch.hosts.followers.time.monotonic", lambda: now[0])
    monkeypatch.setattr("contextgen_cli.batch.hosts.followers.time.sleep", pass_time)
    Followers(job_store, LauncherEnv(rank=0, size=3, agent=True)).wait()
    assert now == [100.0], "a launcher's store outlives us"
    Followers(job_store, LauncherEnv(rank=0, size=3)).wait()
    assert (job_store.gone({1, 2}), now) == ({1, 2}, [102.0])
    Followers(job_store, LauncherEnv(rank=0, size=4)).wait()  # rank 3 is lost
    assert 110.0 <= now[0] < 120.0


def test_a_job_whose_host_died_before_it_could_say_that_it_has_it_is_handed_to_another(tmp_path, monkeypatch, capsys):
    from torch.distributed import HashStore

    now = [100.0]
    monkeypatch.setattr("contextgen_cli.batch.hosts.followers.time.monotonic", lambda: now[0])
    job_store, listener = TorchJobStore(HashStore(), KEY, leading=True), Silence()
    jobs = tuple(job("a", number) for number in range(3))
    status = PlanStatus(Plan(jobs), Plan(jobs))
    job_store.publish(jobs)
    followers = Followers(job_store, LauncherEnv(rank=0, size=2))
    run = _RunState(job_store, 3, JobOptions(Destination(tmp_path), record_of), followers)
    job_store.beat(1)
    assert job_store.take() == 0  # by rank 1, which says no more
    for rank in (0, 2):
        list(run.hear(Event("taken", rank, job_store.take()), status, listener))
    for _ in range(13):
        run.put_back_lost(listener)
        now[0] += 5.0
    assert job_store.is_exhausted()
    run.put_back_lost(listener)
    assert "1 job was taken by a process that was not heard of again" in capsys.readouterr().err
    assert (job_store.take(), job_store.take()) == (0, None)
    list(run.hear(Event("taken", 3, 0), status, listener))
    now[0] += 600.0
    run.put_back_lost(listener)
    assert job_store.take() is None
