"""Times one denoising step: dense masks against the exact attention, same weights, alternating, whole forward.

`python benchmarks/attention.py [--canvas 768] [--references 2] [--dtype bfloat16] [--runs 3] [--device cuda]` writes a
JSON line for each combination. A transformer of FLUX.1's geometry (heads of 128, double- to single-stream 1 : 2)
with random weights, on a CPU of a width that fits the machine, on a GPU FLUX.1 itself; half of every reference is
foreground. `flop_ratio` is what the saved work alone is worth, counted by torch; `of_theory` is the speed-up over it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
import torch
from diffusers import FluxTransformer2DModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from contextgen.attention import MaskedAttention
from contextgen.blocks import block_rules
from contextgen.card import ModelCard
from contextgen.exact import ExactAttention
from contextgen.sequence import Grid, JointSequence, ReferenceTokens

TEXT_LENGTH = 512
SMALL = {"heads": 8, "n_double": 4, "n_single": 8}  # 0.3 B parameters
FLUX = {"heads": 24, "n_double": 19, "n_single": 38}  # 12 B
TINY = {"heads": 1, "n_double": 1, "n_single": 2}
KINDS = {"masked": MaskedAttention, "exact": ExactAttention}


def transformer(
    dtype: torch.dtype, device: str = "cpu", *, heads: int = 8, n_double: int = 4, n_single: int = 8
) -> FluxTransformer2DModel:
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # 12 B parameters are made where and as they are needed
    try:
        with torch.device(device):
            return FluxTransformer2DModel(
                num_layers=n_double, num_single_layers=n_single, num_attention_heads=heads, guidance_embeds=True
            ).eval()
    finally:
        torch.set_default_dtype(before)


def sequence(canvas: int, references: int) -> JointSequence:
    """A square canvas with references in boxes a third of its side, on a grid that overlaps a little."""
    side = canvas // 16
    reference = ModelCard().reference_side(canvas, canvas) // 16
    foreground = np.zeros((reference, reference), np.bool_)
    foreground[:, : reference // 2] = True
    columns = int(np.ceil(np.sqrt(references)))
    tokens = []
    for k in range(references):
        left, top = (int(place * (side - side // 3) / max(columns - 1, 1)) for place in divmod(k, columns)[::-1])
        tokens.append(ReferenceTokens(foreground, (left, top, left + side // 3, top + side // 3)))
    return JointSequence(TEXT_LENGTH, Grid(side, side), tuple(tokens))


def step(model: FluxTransformer2DModel, arrangement: Any, sequence: JointSequence) -> torch.Tensor:
    """The canvas' velocity on random latents."""
    random = torch.Generator().manual_seed(1)
    channels, dtype = model.config.in_channels, model.dtype

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random).to(model.device, dtype)

    hidden_states = arrangement.place(
        noise(1, sequence.canvas.count, channels), noise(1, sum(sequence.lengths[2:]), channels)
    )
    text = arrangement.text_of(noise(1, TEXT_LENGTH, model.config.joint_attention_dim))
    output = model(
        hidden_states=hidden_states,
        encoder_hidden_states=text,
        pooled_projections=noise(1, model.config.pooled_projection_dim),
        timestep=torch.tensor([0.7], device=model.device, dtype=dtype),
        guidance=torch.tensor([3.5], device=model.device, dtype=dtype),
        img_ids=arrangement.img_ids,
        txt_ids=torch.zeros(text.shape[1], 3, device=model.device),
        joint_attention_kwargs={"arrangement": arrangement},
        return_dict=False,
    )[0]
    return arrangement.canvas_of(output)


def arranged(model: FluxTransformer2DModel, kind: str, laid_out: JointSequence) -> Any:
    rules = block_rules(model.config.num_layers, model.config.num_single_layers)
    return KINDS[kind](model, rules, "released").arrange(laid_out, model.device)


@torch.no_grad()
def tflop(kind: str, laid_out: JointSequence, shape: dict[str, int]) -> float:
    """What torch counts in one step, on tensors without content."""
    model = transformer(torch.float32, "meta", **shape)
    arrangement = arranged(model, kind, laid_out)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        step(model, arrangement, laid_out)
    return counter.get_total_flops() / 1e12


@torch.no_grad()
def compare(
    model: FluxTransformer2DModel, canvas: int, references: int, runs: int, shape: dict[str, int]
) -> dict[str, Any]:
    laid_out = sequence(canvas, references)
    seconds: dict[str, list[float]] = {"masked": [], "exact": []}
    velocities = {}
    for _ in range(runs + 1):  # the first pair warms up
        for name in KINDS:
            arrangement = arranged(model, name, laid_out)
            began = time.perf_counter()
            velocities[name] = step(model, arrangement, laid_out).float()
            if model.device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - began)
    masked, exact = (statistics.median(times[1:]) for times in seconds.values())
    difference = (velocities["exact"] - velocities["masked"]).norm() / velocities["masked"].norm()
    work = {name: tflop(name, laid_out, shape) for name in KINDS}
    theory = work["masked"] / work["exact"]
    return {
        "canvas": canvas,
        "references": references,
        "dtype": str(model.dtype).removeprefix("torch."),
        "tokens": len(laid_out),
        "speed_up": round(masked / exact, 2),
        "flop_ratio": round(theory, 2),
        "of_theory": round(masked / exact / theory, 2),
        "masked_seconds": round(masked, 3),
        "exact_seconds": round(exact, 3),
        "masked_tflop": round(work["masked"], 3),
        "exact_tflop": round(work["exact"], 3),
        "relative_difference": float(f"{difference:.1e}"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--canvas", type=int, nargs="+", default=[512, 768, 1024])
    parser.add_argument("--references", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a model of three blocks, to try the script")
    asked = parser.parse_args()
    shape = TINY if asked.tiny else FLUX if asked.device.startswith("cuda") else SMALL
    for dtype in asked.dtype:
        model = transformer(getattr(torch, dtype), asked.device, **shape)
        for canvas in asked.canvas:
            for references in asked.references:
                print(json.dumps(compare(model, canvas, references, asked.runs, shape)), flush=True)


if __name__ == "__main__":
    main()
