"""What it brings to compute adaLN's modulations once: seconds a step, bytes that need not be on the device.

`python benchmarks/modulation.py [--canvas 512] [--steps 28] [--runs 5] [--device cuda]` writes a JSON line. The step is
that of `attention.py`, exact, two references, with the layers in place and without, alternating.
"""

from __future__ import annotations

import argparse
import json
import statistics
from contextlib import nullcontext

import attention
import torch

from contextgen.backends.flux_kontext.modulation import adaptive_norms, modulated, modulations


@torch.no_grad()
def measure(asked: argparse.Namespace) -> dict[str, float]:
    shape = attention.TINY if asked.tiny else attention.FLUX if asked.device.startswith("cuda") else attention.SMALL
    dtype = torch.bfloat16 if asked.device.startswith("cuda") else torch.float32
    model = attention.transformer(dtype, asked.device, **shape)
    laid_out = attention.sequence(asked.canvas, 2)
    arrangement = attention.arranged(model, "exact", laid_out)
    pooled = torch.randn(1, model.config.pooled_projection_dim).to(model.device, dtype)
    times = torch.linspace(1, 0, asked.steps, device=model.device, dtype=dtype)
    once, given = attention.timed(lambda: modulations(model, times, pooled, 3.5), model.device)
    seconds: dict[str, list[float]] = {"layers": [], "given": []}
    for _ in range(asked.runs + 1):
        for name, kept in seconds.items():
            with modulated(model, given[0]) if name == "given" else nullcontext():
                spent, _ = attention.timed(lambda: attention.step(model, arrangement, laid_out), model.device)
                kept.append(spent)
    layers, without = (statistics.median(kept[1:]) for kept in seconds.values())
    weights = [weight for norm in adaptive_norms(model) for weight in norm.linear.parameters()]
    return {
        "canvas": asked.canvas,
        "step_with_layers_seconds": round(layers, 4),
        "step_seconds": round(without, 4),
        "once_a_prompt_seconds": round(once, 3),
        "weights_mib": round(sum(weight.nbytes for weight in weights) / 2**20, 1),
        "of_all_weights": round(sum(w.numel() for w in weights) / sum(w.numel() for w in model.parameters()), 3),
        "kept_a_prompt_mib": round(sum(part.nbytes for step in given for part in step) / 2**20, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--canvas", type=int, default=512)
    parser.add_argument("--steps", type=int, default=28)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a model of three blocks, to try the script")
    print(json.dumps(measure(parser.parse_args())), flush=True)


if __name__ == "__main__":
    main()
