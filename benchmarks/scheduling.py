"""Simulates how long ranks wait for one another: jobs taken one by one, most expensive first, against a static split.

`python benchmarks/scheduling.py [JOBS]` draws so many jobs (10,000) with the cost of one to eight references, puts
them into the real job store (`contextgen_cli.batch.job_store`) and lets 8, 64 and 512 ranks that only wait take them,
on a simulated clock; the same jobs are dealt out by accelerate's `split_between_processes`. One JSON line each:
makespan over ideal, where ideal is all work divided by the ranks, or the longest job if that is more. Then come the
lines of `engines.py`: what handing out really costs, with each engine, on two ranks of this machine.
"""

from __future__ import annotations

import heapq
import json
import random
import sys
import time

import engines
from accelerate import PartialState

from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.plan import Job, JobCost, Plan, Recipe, Weights
from contextgen_cli.scene.scene import Scene, Size

RANKS = (8, 64, 512)
STEP_TFLOP = {1: 88, 2: 93, 3: 97, 4: 102, 5: 107, 6: 111, 7: 116, 8: 120}  # exact attention, 768 px, half foreground
DENSE_TFLOP = {1: 123, 2: 148, 3: 176, 4: 204, 5: 236, 6: 268, 7: 300, 8: 333}  # the released code's
CANVASES = (1.0, 2.5)  # 768 and 1024 px, relative
STEPS, SPEED = 28, 320.0  # TFLOP a second
NOISE = 0.03  # what a job takes differs from what was predicted


def draw_jobs(count: int, chance: random.Random, tflop_of: dict[int, int]) -> list[tuple[Job, float]]:
    """Jobs with their true seconds; scenes of a folder come in runs, as people write them: all of a kind together."""
    recipe = Recipe(Weights("m", "0"), None, {"dtype": "bfloat16", "attention": "exact", "ica": "released"}, STEPS, 3.5)
    drawn = sorted((chance.randint(1, 8), chance.choice(CANVASES)) for _ in range(count))
    found = []
    for number, (references, canvas) in enumerate(drawn):
        tflop = tflop_of[references] * canvas * STEPS
        scene = Scene(f"s{number}", "", Size(768, 768), (), ())
        job = Job(scene, 0, str(number), recipe, (), JobCost(0, tflop, 0))
        found.append((job, tflop / SPEED * chance.uniform(1 - NOISE, 1 + NOISE)))
    return found


def taken_one_by_one(jobs: list[tuple[Job, float]], ranks: int) -> tuple[float, float]:
    """The makespan, and the real microseconds that handing out one job took."""
    seconds = {job.id: duration for job, duration in jobs}
    job_store = LocalJobStore()
    job_store.publish(Plan(tuple(job for job, _ in jobs)).most_expensive_first().jobs)
    free = [(0.0, rank) for rank in range(ranks)]
    spent, end = 0.0, 0.0
    while True:
        now, rank = heapq.heappop(free)
        begin = time.perf_counter()
        position = job_store.take()
        spent += time.perf_counter() - begin
        if position is None:
            return end, 1e6 * spent / len(jobs)
        done = now + seconds[job_store.job(position).id]
        end = max(end, done)
        heapq.heappush(free, (done, rank))


def split_statically(jobs: list[tuple[Job, float]], ranks: int) -> float:
    durations = [duration for _, duration in jobs]
    state = PartialState(cpu=True)
    makespan = 0.0
    for rank in range(ranks):
        state.num_processes, state.process_index = ranks, rank
        with state.split_between_processes(durations) as own:
            makespan = max(makespan, sum(own))
    return makespan


def main(count: int) -> None:
    PartialState(cpu=True)
    for attention, table in (("exact", STEP_TFLOP), ("dense", DENSE_TFLOP)):
        for order in ("as written", "shuffled"):
            chance = random.Random(0)
            jobs = draw_jobs(count, chance, table)
            if order == "shuffled":
                chance.shuffle(jobs)
            for ranks in RANKS:
                durations = [duration for _, duration in jobs]
                ideal = max(sum(durations) / ranks, max(durations))
                ours, cost = taken_one_by_one(jobs, ranks)
                result = {
                    "benchmark": "scheduling",
                    "attention": attention,
                    "order": order,
                    "jobs": count,
                    "ranks": ranks,
                    "one_by_one_over_ideal": round(ours / ideal, 4),
                    "static_over_ideal": round(split_statically(jobs, ranks) / ideal, 4),
                    "microseconds_to_hand_out": round(cost, 1),
                }
                sys.stdout.write(json.dumps(result) + "\n")
    engines.main()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
