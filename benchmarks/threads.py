"""Seconds a picture takes by threads and by how they wait, on an idle machine and beside busy neighbours.

`python benchmarks/threads.py [--neighbours 0 1 2] [--steps 8] [--pictures 3]` writes a JSON line for each way and
number of neighbours: processes that compute without a pause, one CPU each. `before` is torch's own choice, a thread a
core that spins while it waits; `now` is what `render` chooses; between them each number of threads, asleep while they
wait.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCENE = Path(__file__).parents[1] / "scenes" / "two-subjects.yaml"
ASLEEP, SPINNING = "asleep", "spinning"
WAYS: dict[str, tuple[int | None, str]] = {  # threads, None: as the way chooses; and how they wait
    "before": (None, SPINNING),
    "1 thread": (1, ASLEEP),
    "2 threads": (2, ASLEEP),
    "now": (None, ASLEEP),
}


def paint(way: str, asked: argparse.Namespace) -> None:
    """The body of the process that paints: its threads, and the seconds of every picture but the first."""
    import torch

    from contextgen_cli.batch.plan import Overrides, plan
    from contextgen_cli.models import error_translation
    from contextgen_cli.models.numerics import Settings
    from contextgen_cli.models.renderer import ModelRenderer
    from contextgen_cli.models.threads import compute_here
    from contextgen_cli.scene.loader import LoadOptions, load

    error_translation.quieten()
    if way != "before":
        compute_here(WAYS[way][0])
    renderer = ModelRenderer(Settings(device="cpu"))
    overrides = Overrides(count=asked.pictures + 1, steps=asked.steps)
    jobs = plan(load([str(SCENE)], LoadOptions()).scenes, overrides, renderer.recipe, renderer.cost).jobs
    renderer.open(jobs[0])
    seconds = []
    for job in jobs:
        began = time.perf_counter()
        renderer.render(job, lambda done: None)
        seconds.append(time.perf_counter() - began)
    print(json.dumps([torch.get_num_threads(), *seconds[1:]]))


def measured(way: str, asked: argparse.Namespace) -> tuple[int, float]:
    """The threads of a way, and the median of its pictures."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    if WAYS[way][1] == ASLEEP:
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
    command = [sys.executable, __file__, "--paint", way, "--steps", str(asked.steps), "--pictures", str(asked.pictures)]
    told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    threads, *seconds = json.loads(told.stdout.splitlines()[-1])
    return threads, statistics.median(seconds)


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """So many processes that compute all the time."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--paint", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.paint is not None:
        return paint(asked.paint, asked)
    for count in asked.neighbours:
        for way, (_, waiting) in WAYS.items():
            with neighbours(count):
                threads, seconds = measured(way, asked)
            line = {
                "busy_neighbours": count,
                "way": way,
                "threads": threads,
                "waiting": waiting,
                "seconds_a_picture": round(seconds, 2),
            }
            print(json.dumps(line), flush=True)
    return None


if __name__ == "__main__":
    main()
