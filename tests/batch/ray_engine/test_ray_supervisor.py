"""A run on a Ray cluster: hosts are killed and others join, the head goes, and every picture is painted once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import painters
import pytest
from painters import job
from painting import TINY_ADAPTER, TINY_MODEL, write_scene
from ray_clusters import Cluster, cluster
from waiting import DEADLINE, wait_until

from contextgen_cli.batch.launch import run_on_ranks
from contextgen_cli.batch.ledger import read
from contextgen_cli.batch.plan import Plan
from contextgen_cli.batch.ray_engine.cluster import RayCluster
from contextgen_cli.batch.ray_engine.engine import RayEngine
from contextgen_cli.batch.ray_engine.ray_supervisor import RaySupervisor
from contextgen_cli.batch.resume import plan_status
from contextgen_cli.batch.worker import JobOptions, Outcome
from contextgen_cli.errors import EnvironmentProblem, OutputError
from contextgen_cli.records.output import Destination
from contextgen_cli.terminal.progress import Silence

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="Ray's clusters are Linux's"),
]


class Notes(Silence):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.ranks: set[int] = set()

    def noticed(self, text: str) -> None:
        self.said.append(text)

    def job_started(self, job: object, rank: int = 0) -> None:
        self.ranks.add(rank)


class Run:
    """A run of painters, one outcome after another."""

    def __init__(self, there: Cluster, folder: Path, *names: str, ranks: int | None = None, interrupted=lambda: False):
        plan = Plan(tuple(job(name, number) for number, name in enumerate(names)))
        options = JobOptions(Destination.parse(str(folder)), painters.record_of)
        engine = RayEngine(RayCluster(there.address), ranks, painters.make, options)
        self.notes = Notes()
        self.outcomes: Iterator[Outcome] = run_on_ranks(engine, plan_status(plan, options), self.notes, interrupted)

    def statuses(self) -> dict[str, str]:
        return {outcome.job.name: outcome.status.value for outcome in self.outcomes}


@pytest.fixture(scope="module")
def there() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(painters.__file__).parent), prepend=os.pathsep)  # as if it were installed
        with cluster(hosts=2) as made, RayCluster(made.address).connected():
            yield made


@pytest.fixture
def run(there, tmp_path, monkeypatch) -> Callable[..., Run]:
    monkeypatch.setattr("contextgen_cli.batch.ray_engine.ray_supervisor._LOOK", 0.5)
    return lambda *names, **more: Run(there, tmp_path, *names, **more)


def test_every_host_paints_and_what_fails_or_kills_its_rank_is_an_outcome(run, tmp_path) -> None:
    made = run("slow", "bad", "slow", "bomb", "slow", "slow", "slow")
    statuses = made.statuses()
    assert [statuses[name] for name in ("bad-1", "bomb-3")] == ["failed", "crashed"]
    assert sorted(statuses.values()) == ["crashed", "failed", *["rendered"] * 5]
    assert len(made.notes.ranks) >= 2
    crashes = [attempt for attempt in read(tmp_path).attempts if attempt.outcome == "crashed"]
    assert [attempt.scene for attempt in crashes] == ["bomb", "bomb"]
    assert sum("restarted" in said for said in made.notes.said) == 2


def test_a_job_is_not_lost_with_its_rank_however_slow_the_driver_is_to_look(run, monkeypatch) -> None:
    turn = RaySupervisor.turn

    def slow_turn(*arguments) -> None:
        turn(*arguments)
        time.sleep(0.5)

    monkeypatch.setattr(RaySupervisor, "turn", slow_turn)
    assert sorted(run("bomb", "slow", "slow").statuses().values()) == ["crashed", "rendered", "rendered"]


def test_a_host_that_is_lost_loses_no_job_and_doubles_none_and_one_that_joins_gets_work(there, run, tmp_path) -> None:
    """`RAYLET_KILLS=20` in the environment kills as often."""
    kills, moments = int(os.environ.get("RAYLET_KILLS", "1")), random.Random(4)
    made = run(*["slow"] * 24 * kills)
    seen, due = 0, 2
    for seen, _ in enumerate(made.outcomes, start=1):
        if seen == due and kills:
            time.sleep(moments.uniform(0, 0.6))  # a picture takes half a second
            there.kill(there.hosts.pop(moments.randrange(2)))
            there.hosts.append(there.join())
            kills, due = kills - 1, seen + 20
    assert (seen, kills) == (len(list(tmp_path.glob("*.png"))), 0)
    attempts = read(tmp_path).attempts
    assert len({attempt.seed for attempt in attempts}) == len(attempts), "nothing is painted twice"
    assert {attempt.outcome for attempt in attempts} == {"rendered"}, "a lost host says nothing against its job"
    assert {attempt.rank for attempt in attempts} > {0, 1}, "the newcomer painted"
    assert any("lost with its host" in said for said in made.notes.said)


def test_as_many_ranks_as_asked_for_wait_for_room(there, run) -> None:
    made = run(*["slow"] * 60, ranks=3)
    next(made.outcomes)
    there.join()
    assert set(made.statuses().values()) == {"rendered"}
    assert made.notes.ranks == {0, 1, 2}


def test_what_no_other_job_would_survive_ends_the_run(run) -> None:
    with pytest.raises(OutputError, match="the disk is full"):
        run("a", "full", *["slow"] * 40).statuses()


def test_an_interruption_lets_the_pictures_at_work_be_finished(run, tmp_path) -> None:
    made = run(*["slow"] * 40, interrupted=lambda: any(tmp_path.glob("*.png")))
    with pytest.raises(KeyboardInterrupt):
        made.statuses()
    pictures = list(tmp_path.glob("*.png"))
    assert 1 <= len(pictures) < 40
    assert len(read(tmp_path).attempts) == len(pictures)


def test_the_device_is_that_of_those_who_paint_and_what_they_refuse_is_told(there) -> None:
    from contextgen_cli.errors import DeviceError
    from contextgen_cli.models.devices import choose_device

    ray_cluster = RayCluster(there.address)
    assert ray_cluster.ask(choose_device, None).name == "cpu"
    with pytest.raises(DeviceError, match="no device 'cuda:7'"):
        ray_cluster.ask(choose_device, "cuda:7")


def test_a_cluster_that_is_not_there_is_told() -> None:
    away = RayCluster("127.0.0.1:9")
    with pytest.raises(EnvironmentProblem, match=r"no Ray cluster can be reached at 127\.0\.0\.1:9"), away.connected():
        pass


# Through the command line, with the tiny real model

RENDER = [sys.executable, "-m", "contextgen_cli", "render"]
TINY = ["--model", str(TINY_MODEL), "--adapter", str(TINY_ADAPTER), "--device", "cpu", "--steps", "1"]
IMPATIENT = """
import sys
import contextgen_cli.batch.ray_engine.ray_supervisor as supervisor
supervisor._LOOK, supervisor._HEAD_LOST_AFTER = 0.5, 1.0
from contextgen_cli.__main__ import main
sys.argv[0] = "contextgen"
sys.exit(main())
"""


def told(*words: object) -> subprocess.CompletedProcess[str]:
    command = [*RENDER, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_the_pictures_are_those_of_one_process(there, tmp_path) -> None:
    write_scene(tmp_path / "scene.yaml", seed=0, count=4)

    def painted(out: Path, *more: str) -> dict[str, bytes]:
        done = told(tmp_path / "scene.yaml", *TINY, "-o", out, "--json", *more)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["rendered"] == 4
        return {path.name: path.read_bytes() for path in out.glob("*.png")}

    alone = painted(tmp_path / "alone", "--processes", "0")
    assert len(alone) == 4
    assert painted(tmp_path / "together", "--engine", f"ray={there.address}") == alone


def test_a_head_that_is_lost_ends_the_run_and_the_same_command_goes_on(tmp_path) -> None:
    write_scene(tmp_path / "scene.yaml", seed=0, count=200)
    out = tmp_path / "out"
    command = [str(tmp_path / "scene.yaml"), *TINY, "-o", str(out), "--engine"]
    with cluster(hosts=2) as first:
        program = [sys.executable, "-c", IMPATIENT, "render", *command, f"ray={first.address}"]
        running = subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        wait_until(lambda: len(list(out.glob("*.png"))) >= 3 or running.poll() is not None, "pictures")
        first.kill_head()
        _, said = running.communicate(timeout=DEADLINE)
        assert running.returncode == 3, said
        assert "the head of the Ray cluster is lost" in said or "cannot be reached any more" in said
    before = len(list(out.glob("*.png")))
    assert 3 <= before < 200
    again = told(*command, "local", "--limit", before + 5)
    assert again.returncode == 0, again.stderr
    seeds = [attempt.seed for attempt in read(out).attempts]
    assert len(seeds) == len(set(seeds)), "nothing is painted twice"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "dask"], "'dask' is no engine: write local, ray, ray=auto or ray=HOST:PORT"),
        (["--engine", "ray=ray://a:1"], "is no engine"),
        (["--engine", "ray", "--processes", "0"], "--processes 0 paints in this very process"),
        (["--engine", "ray", "-o", "a.png"], "processes on a Ray cluster need a folder that all hosts see"),
        (["--engine", "ray", "--parallel", "ulysses=2"], "processes on a Ray cluster have one GPU each"),
    ],
)
def test_what_contradicts_it_is_refused(tmp_path, options, said) -> None:
    write_scene(tmp_path / "scene.yaml", seed=0, count=2)
    done = told(tmp_path / "scene.yaml", *options)
    assert done.returncode == 2, done.stderr
    assert said in " ".join(done.stderr.split())
