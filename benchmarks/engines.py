"""Measures what each engine costs beside the painting: real ranks, jobs that only wait.

`python benchmarks/engines.py [JOBS]` runs so many jobs (200) of 20 to 80 ms on two ranks of this machine, with the job
store in this process, with torch's store and on a Ray cluster of this machine alone. One JSON line each: seconds until
the first job begins, makespan over ideal from there on, and milliseconds beside the painting that a job takes a rank.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from contextgen_cli.batch.hosts.listening import listen
from contextgen_cli.batch.hosts.torch_store import TorchJobStore
from contextgen_cli.batch.launch import Engine, LocalEngine, Topology, run_on_ranks
from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.plan import Job, JobCost, Plan, Recipe, Weights
from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.batch.ray_engine.cluster import RayCluster
from contextgen_cli.batch.ray_engine.engine import RayEngine
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import JobOptions
from contextgen_cli.records.output import Destination
from contextgen_cli.scene.scene import Sampling, Scene, Size
from contextgen_cli.terminal.progress import Silence

RANKS = 2
SHORTEST, LONGEST = 0.02, 0.08  # seconds that a job waits


class Waiter:
    """A renderer that takes as many seconds as the job's cost says."""

    def __init__(self, place: RankPlace) -> None: ...
    def open(self, job: Job) -> None: ...
    def reduce_memory(self, job: Job) -> str:
        return "nothing"

    def peak_bytes(self) -> None:
        return None

    def render(self, job: Job, on_step: Callable[[int], None]) -> Image.Image:
        time.sleep(job.cost.tflop)
        return Image.new("L", (16, 16))


class FirstStart(Silence):
    """Notes when the first job begins."""

    begun: float | None = None

    def job_started(self, job: Job, rank: int = 0) -> None:
        self.begun = self.begun or time.monotonic()


def draw_jobs(count: int) -> Plan:
    chance = random.Random(0)
    recipe = Recipe(Weights("m", "0"), None, {"dtype": "float32"}, 1, None)
    jobs = []
    for number in range(count):
        scene = Scene(f"s{number}", "", Size(16, 16), (), (), sampling=Sampling(1))
        cost = JobCost(1, chance.uniform(SHORTEST, LONGEST), 1)
        jobs.append(Job(scene, 0, str(number).rjust(64, "0"), recipe, (), cost))
    return Plan(tuple(jobs)).most_expensive_first()


@contextmanager
def engines(name: str, folder: Path) -> Iterator[Engine]:
    options = JobOptions(Destination.parse(str(folder)), record_of)
    if name == "ray":
        with RayCluster("local").connected():
            yield RayEngine(RayCluster("local"), RANKS, Waiter, options)
        return
    torch_s = TorchJobStore(listen("127.0.0.1", 0), b"a key of this run", leading=True) if name == "torch" else None
    yield LocalEngine(Topology(RANKS), torch_s or LocalJobStore(), Waiter, options)


def record_of(job: Job) -> dict[str, str]:
    return {"job": job.id}


def measure(name: str, plan: Plan) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, engines(name, Path(folder)) as engine:
        listener, began = FirstStart(), time.monotonic()
        outcomes = list(run_on_ranks(engine, PlanStatus(plan, plan), listener, lambda: False))
        ended = time.monotonic()
    assert len(outcomes) == len(plan.jobs) and listener.begun is not None
    painting = sum(job.cost.tflop for job in plan.jobs)
    makespan = ended - listener.begun
    return {
        "benchmark": "engines",
        "engine": name,
        "jobs": len(plan.jobs),
        "ranks": RANKS,
        "seconds_to_the_first_job": round(listener.begun - began, 2),
        "makespan_over_ideal": round(makespan * RANKS / painting, 3),
        "milliseconds_a_job_beside_painting": round(1000 * (makespan * RANKS - painting) / len(plan.jobs), 1),
    }


def main(count: int = 200) -> None:
    drawn = draw_jobs(count)
    for name in ("local", "torch", "ray"):
        sys.stdout.write(json.dumps(measure(name, drawn)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
