"""A supervisor's ranks: handed jobs one by one, listened to, counted when they die, started anew, let go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import painters
import pytest
from painters import job
from waiting import wait_until

from contextgen_cli.batch.job_store import NOW, OVER
from contextgen_cli.batch.ledger import read
from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.rank import MakeRenderer, RankPlace
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.supervisor import Supervisor
from contextgen_cli.batch.worker import JobOptions, Status
from contextgen_cli.errors import EnvironmentProblem
from contextgen_cli.records.output import Destination

pytestmark = pytest.mark.processes


class Watched:
    """A supervisor of one rank, its store, and all that it told."""

    def __init__(self, folder: Path, make_renderer: MakeRenderer, names: tuple[str, ...]) -> None:
        self.store = LocalJobStore()
        self.store.publish([job(name, number) for number, name in enumerate(names)])
        self.told: list[Event] = []
        job_options = JobOptions(Destination.parse(str(folder)), painters.record_of)
        self.supervisor = Supervisor(self.store, make_renderer, job_options, [RankPlace(0, 1)], self.told.append)

    def turn_until(self, condition: Callable[[], object], waited_for: str) -> None:
        def turned() -> object:
            self.supervisor.turn(0.1)
            return condition()

        wait_until(turned, waited_for)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.told if event.kind != "step"]

    def outcomes(self) -> list[Status]:
        return [event.outcome.status for event in self.told if event.outcome is not None]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    started: list[Watched] = []

    def start(*names: str, make_renderer: MakeRenderer = painters.make) -> Watched:
        (tmp_path / "out").mkdir()
        started.append(Watched(tmp_path / "out", make_renderer, names))
        return started[-1]

    yield start
    for each in started:
        each.supervisor.kill()


def test_jobs_are_handed_out_one_by_one_and_an_idle_rank_is_let_go(watched) -> None:
    run = watched("a", "b")
    run.turn_until(lambda: len(run.outcomes()) == 2, "two pictures")
    assert run.kinds == ["taken", "opening", "started", "finished"] * 2
    assert not run.supervisor.ended, "it waits for what others may put back"
    run.store.close(OVER)
    run.turn_until(lambda: run.supervisor.ended, "the rank to leave")
    assert run.outcomes() == [Status.RENDERED] * 2


def test_a_job_that_is_put_back_is_done_too(watched) -> None:
    run = watched("a")
    run.turn_until(run.outcomes, "the picture")
    run.store.put_back(0)
    run.turn_until(lambda: len(run.outcomes()) == 2, "the picture once more")
    assert run.outcomes() == [Status.RENDERED, Status.SKIPPED]


def test_a_job_that_kills_its_rank_is_tried_twice_counted_and_set_aside(watched, tmp_path) -> None:
    run = watched("bomb", "a")
    run.turn_until(lambda: len(run.outcomes()) == 2, "both jobs")
    assert sorted(status.value for status in run.outcomes()) == ["crashed", "rendered"]
    first, second = [event.text for event in run.told if event.kind == "noticed"]
    assert first == "process 1 died at bomb-0 (killed by SIGKILL): restarted, and the job tried once more"
    assert second == "process 1 died at bomb-0 (killed by SIGKILL) again: the job is set aside, the process restarted"
    assert read(tmp_path / "out").crashes == {job("bomb").id: 2}


def test_a_rank_that_dies_before_it_paints_is_not_its_jobs_doing(watched, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PAINTERS_ONCE", str(tmp_path / "died"))
    run = watched("shy")
    run.turn_until(run.outcomes, "the picture")
    assert run.outcomes() == [Status.RENDERED]
    assert [event.text for event in run.told if event.kind == "noticed"] == [
        "process 1 died as it began (killed by SIGKILL): restarted"
    ]
    assert read(tmp_path / "out").crashes == {}


def test_ranks_that_never_begin_end_the_run_for_everybody(watched) -> None:
    run = watched("a", make_renderer=painters.make_stillborn)
    with pytest.raises(EnvironmentProblem, match=r"process 1 died 3 times .* \(killed by SIGKILL\)") as caught:
        run.turn_until(lambda: False, "the third death")
    assert "memory" in str(caught.value.hint)
    assert run.store.closed == OVER


def test_what_a_rank_cannot_help_is_told_and_it_is_not_started_anew(watched) -> None:
    run = watched("full", "a")
    run.turn_until(lambda: run.supervisor.ended, "the rank to give up")
    assert [event.problem.message for event in run.told if event.problem] == ["the disk is full"]
    assert "noticed" not in run.kinds


def test_now_ends_a_rank_at_its_picture_and_leaves_nothing_half_written(watched, tmp_path) -> None:
    run = watched("endless")
    run.turn_until(lambda: "started" in run.kinds, "the picture to be begun")
    half = tmp_path / "out" / f".endless-0.png.{os.uname().nodename}.4194303.part"
    half.touch()
    run.store.close(NOW)
    run.turn_until(lambda: run.supervisor.ended, "the rank's end")
    assert [path for path in (tmp_path / "out").iterdir() if path.is_file()] == []
