"""How a run is laid out over processes and hosts, and how the one who made its plan ends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import painters
import pytest
from painters import job

from contextgen_cli.batch.hosts.launcher_env import LauncherEnv
from contextgen_cli.batch.hosts.torch_store import TorchJobStore
from contextgen_cli.batch.job_store import FAILED, INTERRUPTED, NOW, OVER
from contextgen_cli.batch.launch import (
    FINISHING,
    LocalEngine,
    Topology,
    run_in_process,
    run_on_ranks,
    supervise,
)
from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.plan import Plan
from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import JobOptions, Outcome, Status
from contextgen_cli.errors import EnvironmentProblem
from contextgen_cli.records.output import Destination
from contextgen_cli.terminal.progress import Silence


class Notes(Silence):
    """A listener that keeps what is said beside the pictures; `when` it was told a step, it calls."""

    def __init__(self, when_a_step_is_done: Callable[[], None] = lambda: None) -> None:
        self.said: list[str] = []
        self._then = when_a_step_is_done

    def noticed(self, text: str) -> None:
        self.said.append(text)

    def step(self, job: object, done: int, rank: int = 0) -> None:
        self._then()


def status_of(*names: str) -> PlanStatus:
    plan = Plan(tuple(job(name, number) for number, name in enumerate(names)))
    return PlanStatus(plan, plan)


def options(folder: Path, **more: object) -> JobOptions:
    return JobOptions(Destination.parse(str(folder)), painters.record_of, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("topology", "ranks", "here", "places"),
    [
        (Topology(0), 1, 1, [RankPlace(0, 1, 0, 1)]),
        (Topology(3), 3, 3, [RankPlace(0, 3, 0, 3), RankPlace(1, 3, 1, 3), RankPlace(2, 3, 2, 3)]),
        (Topology(1, LauncherEnv(5, 16, 1, 4)), 16, 4, [RankPlace(5, 16, 1, 4)]),
    ],
    ids=["this process", "three of ours", "one of a launcher's"],
)
def test_who_paints_where(topology, ranks, here, places) -> None:
    assert (topology.ranks, topology.ranks_here, topology.places) == (ranks, here, places)


def test_alone_it_paints_in_order_and_an_interruption_lets_the_picture_at_work_be_finished(tmp_path) -> None:
    asked: list[bool] = []
    notes = Notes(when_a_step_is_done=lambda: asked.append(True))
    opened: list[str] = []
    painter = painters.make(RankPlace(0, 1))
    painter.open = lambda job: opened.append(job.name)  # type: ignore[method-assign]
    outcomes = run_in_process(status_of("a", "b"), painter, options(tmp_path), notes, lambda: bool(asked))
    assert next(outcomes).job.name == "a-0"
    assert notes.said == [FINISHING]
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)
    assert opened == ["a-0"], "no model is opened for a picture that nobody wants any more"
    assert [path.name for path in tmp_path.glob("*.png")] == ["a-0.png"]


def test_alone_enough_failures_end_it(tmp_path) -> None:
    painter = painters.make(RankPlace(0, 1))
    outcomes = run_in_process(
        status_of("a", "bad", "b"), painter, options(tmp_path, max_failures=1), Silence(), lambda: False
    )
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED, Status.FAILED]


def run_together(
    folder: Path, *names: str, interrupted: Callable[[], bool] = lambda: False
) -> tuple[list[Outcome], Notes]:
    topology, notes = Topology(1), Notes()
    engine = LocalEngine(topology, LocalJobStore(), painters.make, options(folder))
    painted = run_on_ranks(engine, status_of(*names), notes, interrupted)
    return list(painted), notes


@pytest.mark.processes
def test_together_all_is_painted_and_nothing_is_said_of_it(tmp_path) -> None:
    outcomes, notes = run_together(tmp_path, "a", "b")
    assert [(outcome.job.name, outcome.status, outcome.rank) for outcome in outcomes] == [
        ("a-0", Status.RENDERED, 0),
        ("b-1", Status.RENDERED, 0),
    ]
    assert notes.said == []


@pytest.mark.processes
def test_together_an_interruption_before_the_first_picture_paints_none(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_together(tmp_path, "a", "b", interrupted=lambda: True)
    assert list(tmp_path.glob("*.png")) == []


def store() -> TorchJobStore:
    from torch.distributed import HashStore

    return TorchJobStore(HashStore(), b"key", leading=True)


ELSEWHERE = Topology(1, LauncherEnv(1, 2, 0, 1))


@pytest.mark.processes
def test_a_follower_paints_for_another_tells_and_says_goodbye(tmp_path) -> None:
    shared = store()
    shared.publish([job("a")])
    closing = iter([False, False])

    def interrupted() -> bool:
        for event in shared.hear():
            heard.append(event.kind)
            if event.kind == "finished":
                shared.close(OVER)
        return next(closing, False)

    heard: list[str] = []
    supervise(LocalEngine(ELSEWHERE, shared, painters.make, options(tmp_path)), interrupted)
    assert [kind for kind in heard if kind != "step"] == ["taken", "opening", "started", "finished"]
    assert (shared.gone([1]), shared.heartbeats([1])[1] >= 2) == ({1}, True)
    assert [path.name for path in tmp_path.glob("*.png")] == ["a-0.png"]


@pytest.mark.processes
@pytest.mark.parametrize("why", [OVER, NOW])
def test_a_follower_that_comes_late_leaves_at_once(tmp_path, why) -> None:
    shared = store()
    shared.publish([job("a")])
    shared.close(why)
    supervise(LocalEngine(ELSEWHERE, shared, painters.make, options(tmp_path)), lambda: False)
    assert shared.gone([1]) == {1}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.processes
def test_a_follower_ends_with_an_error_where_another_rank_did(tmp_path) -> None:
    shared = store()
    shared.publish([job("a")])
    shared.close(FAILED)
    with pytest.raises(EnvironmentProblem, match="another process ended the run"):
        supervise(LocalEngine(ELSEWHERE, shared, painters.make, options(tmp_path)), lambda: False)
    assert shared.gone([1]) == {1}


@pytest.mark.processes
def test_a_follower_that_is_interrupted_ends_the_whole_run(tmp_path) -> None:
    shared = store()
    shared.publish([job("a")])
    with pytest.raises(KeyboardInterrupt):
        supervise(LocalEngine(ELSEWHERE, shared, painters.make, options(tmp_path)), lambda: True)
    assert (shared.closed, shared.gone([1])) == (INTERRUPTED, {1})


@pytest.mark.processes
def test_a_follower_whose_ranks_cannot_begin_tells_why_before_it_leaves(tmp_path) -> None:
    shared = store()
    shared.publish([job("a")])
    with pytest.raises(EnvironmentProblem, match="died 3 times before it painted"):
        supervise(LocalEngine(ELSEWHERE, shared, painters.make_stillborn, options(tmp_path)), lambda: False)
    (problem,) = [event.problem for event in shared.hear() if event.kind == "problem"]
    assert problem is not None and "died 3 times" in problem.message
    assert shared.gone([1]) == {1}
