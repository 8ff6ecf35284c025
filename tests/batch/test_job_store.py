"""The job store, wherever it is kept: one suite over all three."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from painters import job

from contextgen_cli.batch.hosts.listening import listen
from contextgen_cli.batch.hosts.torch_store import TorchJobStore
from contextgen_cli.batch.job_store import FAILED, INTERRUPTED, NOW, OVER, JobStore
from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.ray_engine.ray_store import StoreKeeper
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import Outcome, Status
from contextgen_cli.errors import EnvironmentProblem, OutputError

JOBS = [job("a", number) for number in range(4)]
MakeStore = Callable[[], JobStore]


@pytest.fixture(scope="module")
def in_process() -> MakeStore:
    return LocalJobStore


@pytest.fixture(scope="module")
def torch_s() -> Iterator[MakeStore]:
    from torch.distributed import PrefixStore

    server, runs = listen("127.0.0.1", 0), itertools.count()
    yield lambda: TorchJobStore(PrefixStore(f"run/{next(runs)}", server), b"a key of the run", leading=True)


@pytest.fixture(scope="module")
def ray_s() -> Iterator[MakeStore]:
    from ray_clusters import cluster  # before Ray: it says where Ray listens

    pytest.importorskip("ray")

    from contextgen_cli.batch.ray_engine.cluster import RayCluster
    from contextgen_cli.batch.ray_engine.ray_store import RayJobStore

    with cluster(hosts=0) as there, RayCluster(there.address).connected():
        yield RayJobStore


@pytest.fixture(params=["in_process", "torch_s", pytest.param("ray_s", marks=pytest.mark.processes)])
def store(request: pytest.FixtureRequest) -> JobStore:
    made: JobStore = request.getfixturevalue(request.param)()
    made.publish(JOBS)
    return made


def test_jobs_are_taken_in_order_each_once(store) -> None:
    assert [store.take() for _ in range(6)] == [0, 1, 2, 3, None, None]
    assert [store.job(position) for position in range(4)] == JOBS


def test_what_is_put_back_comes_next_and_what_can_wait_comes_last(store) -> None:
    first, second = store.take(), store.take()
    store.put_back(second, later=True)
    store.put_back(first)
    assert [store.take() for _ in range(5)] == [0, 2, 3, 1, None]


def test_it_is_exhausted_when_each_job_was_taken_and_none_put_back(store) -> None:
    said = []
    for _ in range(4):
        said.append(store.is_exhausted())
        store.take()
    assert (said, store.is_exhausted()) == ([False] * 4, True)
    for later in (False, True):
        store.put_back(2, later=later)
        assert not store.is_exhausted()
        assert (store.take(), store.is_exhausted()) == (2, True)


def test_what_is_told_is_heard_once_in_order(store) -> None:
    failed = Outcome(JOBS[1], Status.FAILED, reason=Reason("JobError", "no", "try"), trace="…", seconds=1.5, rank=3)
    done = Outcome(JOBS[0], Status.RENDERED, Path("/o/a.png"), Path("/o/b.png"), True, peak_bytes=7)
    told = [
        Event("taken", 3, 1),
        Event("finished", 3, 1, outcome=failed),
        Event("finished", 0, 0, outcome=done),
        Event("noticed", 1, text="died"),
    ]
    for event in told:
        store.tell(event)
    assert list(store.hear()) == told
    assert list(store.hear()) == []


def test_a_problem_arrives_as_it_was(store) -> None:
    store.tell(Event("problem", 1, problem=OutputError("full", hint="room")))
    (event,) = store.hear()
    assert (type(event.problem), event.problem.message, event.problem.hint) == (OutputError, "full", "room")


def test_crashes_are_counted_job_by_job(store) -> None:
    assert [store.crashed("x"), store.crashed("x"), store.crashed("y"), store.crashed("y", 3)] == [1, 2, 1, 4]


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ((), None),
        ((OVER,), OVER),
        ((INTERRUPTED, OVER), INTERRUPTED),
        ((OVER, NOW), NOW),
        ((NOW, OVER), NOW),
        ((OVER, FAILED), FAILED),
    ],
    ids=str,
)
def test_the_first_reason_to_close_stays_unless_all_is_to_end_now(store, reasons, told) -> None:
    for why in reasons:
        store.close(why)
    assert store.closed == told


def test_a_plan_of_no_jobs_is_exhausted_at_once(store) -> None:
    store.publish([])
    assert (store.is_exhausted(), store.take()) == (True, None)


# What ranks on other hosts ask for, each under its token; no cluster is needed to keep it


@pytest.fixture
def keeper() -> StoreKeeper:
    made = StoreKeeper()
    made.publish(JOBS[:2])
    return made


def test_a_rank_is_handed_a_job_that_is_told_as_taken(keeper) -> None:
    assert keeper.next_job("token", 3) == (0, JOBS[0])
    assert keeper.heard() == [Event("taken", 3, 0)]


def test_what_a_rank_puts_back_comes_last(keeper) -> None:
    assert keeper.next_job("token", 0) == (0, JOBS[0])
    keeper.tell_of("token", Event("put back", 0, 0))
    assert [keeper.take(), keeper.take(), keeper.take()] == [1, 0, None]


def test_a_rank_that_was_given_up_is_handed_nothing_and_not_heard(keeper) -> None:
    keeper.give_up("lost")
    assert keeper.next_job("lost", 0) == "given up"
    keeper.tell_of("lost", Event("step", 0, 0, 1))
    keeper.tell_of("lost", Event("put back", 0, 1))
    assert keeper.heard() == []
    assert [keeper.take(), keeper.take(), keeper.take()] == [0, 1, None]


def test_a_rank_is_handed_nothing_once_the_run_is_over(keeper) -> None:
    keeper.close(OVER)
    assert keeper.next_job("token", 0) == OVER
    assert (keeper.take(), keeper.heard()) == (0, [])


@pytest.mark.processes
def test_an_actor_that_is_gone_is_told_in_our_words(ray_s) -> None:
    import ray

    store = ray_s()
    store.publish(JOBS)
    ray.kill(store.actor)
    with pytest.raises(EnvironmentProblem, match="cannot be reached any more") as gone:
        for _ in range(50):
            store.take()
    assert "Run the same command again" in str(gone.value.hint)
