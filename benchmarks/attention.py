"""Times one denoising step: dense masks against the exact attention, same weights, alternating, whole forward.

`python benchmarks/attention.py [--canvas 768] [--references 2] [--dtype bfloat16] [--runs 3] [--device cuda]` writes a
JSON line for each combination. A transformer of FLUX.1's geometry (heads of 128, double- to single-stream 1 : 2)
with random weights, on a CPU of a width that fits the machine, on a GPU FLUX.1 itself; half of every reference is
foreground. `flop_ratio` is what the saved work alone is worth, counted by torch; `of_theory` is the speed-up over it,
on a GPU `of_peak` is the exact step's work a second over that of one large matrix product.

On a GPU the dense masks run as the released code does, with an adapter of rank 512 kept apart (`--adapter 512`);
`--kernels` compares attention kernels of the exact step, `--truth` holds both against float32 (few `--blocks`: a GPU
must hold the weights three times).
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.attention_dispatch import AttentionBackendName
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from contextgen.backends.flux_kontext.adapters import LAYERS_OF_THE_METHOD
from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention, blocks
from contextgen.backends.flux_kontext.compiling import compile_blocks
from contextgen.method.blocks import block_rules
from contextgen.method.method_card import ModelCard
from contextgen.method.sequence import Grid, JointSequence, ReferenceTokens

Result = TypeVar("Result")
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


@cache
def noise(seed: int, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device, dtype)


def step(model: FluxTransformer2DModel, arrangement: Any, sequence: JointSequence) -> torch.Tensor:
    """The canvas' velocity on random latents."""
    config, place = model.config, (model.device, model.dtype)
    hidden_states = arrangement.place(
        noise(1, (1, sequence.canvas.count, config.in_channels), *place),
        noise(2, (1, sum(sequence.lengths[2:]), config.in_channels), *place),
    )
    text = arrangement.text_of(noise(3, (1, TEXT_LENGTH, config.joint_attention_dim), *place))
    output = model(
        hidden_states=hidden_states,
        encoder_hidden_states=text,
        pooled_projections=noise(4, (1, config.pooled_projection_dim), *place),
        timestep=torch.tensor([0.7], device=model.device, dtype=model.dtype),
        guidance=torch.tensor([3.5], device=model.device, dtype=model.dtype),
        img_ids=arrangement.img_ids,
        txt_ids=torch.zeros(text.shape[1], 3, device=model.device),
        joint_attention_kwargs={"arrangement": arrangement},
        return_dict=False,
    )[0]
    return arrangement.canvas_of(output)


def arranged(model: FluxTransformer2DModel, kind: str, laid_out: JointSequence) -> Any:
    rules = block_rules(model.config.num_layers, model.config.num_single_layers)
    return KINDS[kind](model, rules, "released").arrange(laid_out, model.device)


def set_kernels(model: FluxTransformer2DModel, kernels: str) -> None:
    """The attention kernels of an exact model: a backend of diffusers, or those that a render takes by `default`."""
    backend = None if kernels == "default" else AttentionBackendName(kernels)
    for block in blocks(model):
        block.attn.processor._attention_backend = backend


@cache
def empty_model(**shape: int) -> FluxTransformer2DModel:
    return transformer(torch.float32, "meta", **shape)


@torch.no_grad()
def tflop(kind: str, laid_out: JointSequence, shape: dict[str, int]) -> float:
    """What torch counts in one step, on tensors without content; the adapter that the masks keep apart is left out."""
    model = empty_model(**shape)
    arrangement = arranged(model, kind, laid_out)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        step(model, arrangement, laid_out)
    return counter.get_total_flops() / 1e12


@cache
def peak(device: torch.device, dtype: torch.dtype) -> float:
    """TFLOP a second of one large matrix product."""
    side = 8192
    left, right = (noise(seed, (side, side), device, dtype) for seed in (5, 6))
    seconds = [timed(lambda: left @ right, device)[0] for _ in range(9)]
    return 2 * side**3 / statistics.median(seconds[2:]) / 1e12


def timed(call: Callable[[], Result], device: torch.device) -> tuple[float, Result]:
    """The seconds of a call until the device is done, and what it returned."""
    synchronize(device)
    began = time.perf_counter()
    result = call()
    synchronize(device)
    return time.perf_counter() - began, result


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def keep_adapter_apart(model: FluxTransformer2DModel, rank: int) -> None:
    from peft import LoraConfig

    model.add_adapter(
        LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=LAYERS_OF_THE_METHOD)
    )
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            parameter.data = parameter.data.to(model.proj_out.weight.dtype)


@torch.no_grad()
def compare(
    model: FluxTransformer2DModel, canvas: int, references: int, shape: dict[str, int], asked: argparse.Namespace
) -> list[dict[str, Any]]:
    """A line for each of the exact step's kernels."""
    laid_out = sequence(canvas, references)
    ways = [("masked", "default"), *(("exact", kernels) for kernels in asked.kernels)]
    seconds: dict[Any, list[float]] = {way: [] for way in ways}
    velocities = {}
    for _ in range(asked.runs + 1):  # the first of each warms up
        for kind, kernels in ways:
            arrangement = arranged(model, kind, laid_out)
            if kind == "exact":
                set_kernels(model, kernels)
            if asked.adapter:
                (model.enable_adapters if kind == "masked" else model.disable_adapters)()
            spent, velocity = timed(lambda given=arrangement: step(model, given, laid_out), model.device)
            velocities[kind, kernels] = velocity.float()
            seconds[kind, kernels].append(spent)
    truth = None
    if asked.truth:
        twin = copy.deepcopy(model).float()
        truth = step(twin, arranged(twin, "masked", laid_out), laid_out)
    return [
        line(model, laid_out, canvas, references, shape, kernels, seconds, velocities, truth)
        for kernels in asked.kernels
    ]


def line(
    model: FluxTransformer2DModel,
    laid_out: JointSequence,
    canvas: int,
    references: int,
    shape: dict[str, int],
    kernels: str,
    seconds: dict[Any, list[float]],
    velocities: dict[Any, torch.Tensor],
    truth: torch.Tensor | None,
) -> dict[str, Any]:
    ways = ("masked", "default"), ("exact", kernels)
    masked, exact = (statistics.median(seconds[way][1:]) for way in ways)
    work = {kind: tflop(kind, laid_out, shape) for kind in KINDS}
    theory = work["masked"] / work["exact"]
    reference = velocities[ways[0]]
    figures = {
        "canvas": canvas,
        "references": references,
        "dtype": str(model.dtype).removeprefix("torch."),
        "kernels": kernels,
        "tokens": len(laid_out),
        "speed_up": round(masked / exact, 2),
        "flop_ratio": round(theory, 2),
        "of_theory": round(masked / exact / theory, 2),
        "masked_seconds": round(masked, 3),
        "exact_seconds": round(exact, 3),
        "masked_tflop": round(work["masked"], 3),
        "exact_tflop": round(work["exact"], 3),
        "relative_difference": apart(velocities[ways[1]], reference),
    }
    if model.device.type == "cuda":
        figures["first_seconds"] = round(seconds[ways[1]][0], 3)
        figures["of_peak"] = round(work["exact"] / exact / peak(model.device, model.dtype), 2)
    if truth is not None:
        figures |= {f"{way[0]}_error": apart(velocities[way], truth) for way in ways}
    return figures


def apart(velocity: torch.Tensor, other: torch.Tensor) -> float:
    return float(f"{(velocity - other).norm() / other.norm():.1e}")


def run(asked: argparse.Namespace) -> None:
    shape = TINY if asked.tiny else FLUX if asked.device.startswith("cuda") else SMALL
    if asked.blocks:
        shape = {**shape, "n_double": asked.blocks[0], "n_single": asked.blocks[1]}
    for dtype in asked.dtype:
        model = transformer(getattr(torch, dtype), asked.device, **shape)
        if asked.adapter is None:
            asked.adapter = 512 if model.device.type == "cuda" else 0
        if asked.adapter:
            keep_adapter_apart(model, asked.adapter)
        if asked.compile:
            arranged(model, "exact", sequence(asked.canvas[0], 1))
            compile_blocks(model, model.device)
        for canvas in asked.canvas:
            for references in asked.references:
                for figures in compare(model, canvas, references, shape, asked):
                    print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--canvas", type=int, nargs="+", default=[512, 768, 1024])
    parser.add_argument("--references", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--kernels", nargs="+", default=["default"])
    parser.add_argument("--adapter", type=int, metavar="RANK", help="0: none; by default 512 on a GPU")
    parser.add_argument("--blocks", type=int, nargs=2, metavar=("DOUBLE", "SINGLE"))
    parser.add_argument("--truth", action="store_true")
    parser.add_argument("--compile", action="store_true", help="the blocks, whichever way their attention is computed")
    parser.add_argument("--tiny", action="store_true", help="a model of three blocks, to try the script")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
