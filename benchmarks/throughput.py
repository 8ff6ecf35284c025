"""Pictures a minute of a mixed folder, as a run paints them, and the share of the time that is not the transformer's.

`python benchmarks/throughput.py [--model mini] [--scenes scenes] [--seeds 2] [--rounds 3]` writes a JSON line for the
way before (dense masks, nothing kept from picture to picture, adaLN in every step) and one for the way now. The two
alternate, round by round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from contextgen_cli.batch.plan import Job, Overrides, plan
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.scene.loader import LoadOptions, load


class Painter:
    """One model, the time that its transformer takes, and whether pictures share what they have in common."""

    def __init__(self, asked: argparse.Namespace, attention: str) -> None:
        numerics = (("attention", attention),)
        settings = Settings(model=asked.model, adapter=asked.adapter, device=asked.device, numerics=numerics)
        self.renderer, self.shares = ModelRenderer(settings), attention == "exact"
        scenes = load([asked.scenes], LoadOptions()).scenes
        overrides = Overrides(count=asked.seeds, steps=asked.steps)
        self.jobs = plan(scenes, overrides, self.renderer.recipe, self.renderer.cost).jobs
        self.renderer.open(self.jobs[0])
        self.pipe: Any = self.renderer._open[-1].pipe
        self.inside, self._began = 0.0, 0.0
        self.pipe.transformer.register_forward_pre_hook(self._enter)
        self.pipe.transformer.register_forward_hook(self._leave)

    def paint(self, job: Job) -> None:
        if self.shares:
            self.renderer.render(job, lambda done: None)
            return
        self.pipe.empty_caches()
        with (
            patch("contextgen.backends.flux_kontext.pipeline.modulated", lambda *_: nullcontext()),
            patch("contextgen.backends.flux_kontext.pipeline.modulations", lambda transformer, t, *_: [()] * len(t)),
        ):
            self.renderer.render(job, lambda done: None)

    def _enter(self, *_: Any) -> None:
        self._synchronize()
        self._began = time.perf_counter()

    def _leave(self, *_: Any) -> None:
        self._synchronize()
        self.inside += time.perf_counter() - self._began

    def _synchronize(self) -> None:
        if self.pipe.transformer.device.type == "cuda":
            import torch

            torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--adapter")
    parser.add_argument("--device")
    parser.add_argument("--scenes", default="scenes")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    painters = {"before": Painter(asked, "masked"), "now": Painter(asked, "exact")}
    seconds: dict[str, list[float]] = {name: [] for name in painters}
    for painter in painters.values():
        painter.paint(painter.jobs[0])  # the first picture warms up
        painter.inside = 0.0
    for _ in range(asked.rounds):
        for name, painter in painters.items():
            painter.pipe.empty_caches()  # a run begins with nothing
            began = time.perf_counter()
            for job in painter.jobs:
                painter.paint(job)
            seconds[name].append(time.perf_counter() - began)
    for name, painter in painters.items():
        pictures, whole = len(painter.jobs), statistics.median(seconds[name])
        outside = 1 - painter.inside / sum(seconds[name])
        line = {
            "way": name,
            "model": asked.model,
            "pictures": pictures,
            "pictures_a_minute": round(60 * pictures / whole, 1),
            "seconds_a_picture": round(whole / pictures, 3),
            "outside_the_transformer": round(outside, 3),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
