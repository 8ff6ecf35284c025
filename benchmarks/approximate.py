"""What the approximate options bring and cost: speed-up, distance from the exact picture, objects still recognised.

`python benchmarks/approximate.py [--scenes 12] [--steps 28] [--device cuda]` paints held-out scenes with the embedded
model, exactly and under each option in turn, and writes a JSON line for each. int8 and nf4 are in it where their
packages are.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.step_cache import STEP_CACHES
from contextgen.evaluation.fidelity import psnr
from contextgen.evaluation.synthetic.synthetic_benchmark import SyntheticCase
from contextgen.evaluation.systems import model_systems

QUANTIZED = {"int8": "torchao", "nf4": "bitsandbytes"}


@dataclass
class Option:
    """A way to paint, and what was found of it."""

    name: str
    pipe: ContextGenPipeline
    turn_on: Callable[[ContextGenPipeline], None]
    seconds: list[float] = field(default_factory=list)
    likeness: list[float] = field(default_factory=list)  # PSNR against the exact picture, dB
    hits: list[bool] = field(default_factory=list)


def opened(quantize: str | None, device: str) -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained("mini", quantize=quantize).to(device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def options(device: str) -> list[Option]:
    plain = opened(None, device)
    found = [Option("exact", plain, lambda pipe: None)]
    for name in STEP_CACHES:
        found.append(Option(f"--cache-steps {name}", plain, lambda pipe, name=name: setattr(pipe, "cache_steps", name)))
    for every in (2, 4):
        turn_on = lambda pipe, every=every: setattr(pipe, "reuse_references", every)  # noqa: E731
        found.append(Option(f"--reuse-references {every}", plain, turn_on))
    for name, package in QUANTIZED.items():
        if importlib.util.find_spec(package) is not None:
            found.append(Option(f"--quantize {name}", opened(name, device), lambda pipe: None))
    return found


def paint(option: Option, number: int, steps: int | None, exact: np.ndarray | None) -> np.ndarray:
    case = SyntheticCase.of("plain", number)
    system = model_systems(option.pipe, option.name, steps)[0]
    option.turn_on(option.pipe)
    try:
        began = time.perf_counter()
        pixels = np.asarray(system.picture(case).convert("RGB"))
        option.seconds.append(time.perf_counter() - began)
    finally:
        option.pipe.cache_steps, option.pipe.reuse_references = None, 1
    option.hits += case.ruler.measure(pixels).hits
    if exact is not None:
        option.likeness.append(psnr(pixels, exact, np.ones(pixels.shape[:2], np.bool_)))
    return pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--steps", type=int, help="by default the model's own")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()
    ways = options(asked.device)
    for way in ways:
        paint(way, 0, 4, None)  # warms up
        way.seconds.clear()
        way.hits.clear()
    for number in range(asked.scenes):
        exact = None
        for way in ways:
            pixels = paint(way, number, asked.steps, exact)
            exact = pixels if exact is None else exact
    for way in ways:
        line = {
            "option": way.name,
            "speed_up": round(statistics.median(ways[0].seconds) / statistics.median(way.seconds), 2),
            "psnr_to_exact_db": round(statistics.mean(way.likeness), 1) if way.likeness else None,
            "objects_recognised": round(sum(way.hits) / max(1, len(way.hits)), 3),
            "objects": len(way.hits),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
