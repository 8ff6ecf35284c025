"""Times one denoising step by one process, and by several that share it (`--parallel`), alternating.

`python benchmarks/parallel.py [--processes 2] [--canvas 512] [--references 4] [--runs 3] [--device cuda]` writes a
JSON line for each way. On a CPU every process has one thread, on GPUs a card of its own; the transformer and the
sequence are those of `attention.py`. `of_ideal` is the speed-up over the number of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from attention import FLUX, SMALL, TINY, apart, arranged, sequence, step, timed, transformer
from torch import distributed, multiprocessing

from contextgen.backends.flux_kontext.attention.parallel import PARALLELS, Parallel, SharedArrangement


@torch.no_grad()
def measure(rank: int, asked: argparse.Namespace, shape: dict[str, int], store: str) -> None:
    """One process' part; the first writes the lines, and is the one that also computes alone."""
    gpu = asked.device == "cuda"
    torch.set_num_threads(1)
    if gpu:
        torch.cuda.set_device(rank)
    meeting = distributed.FileStore(store, asked.processes)  # type: ignore[attr-defined]
    distributed.init_process_group("nccl" if gpu else "gloo", store=meeting, rank=rank, world_size=asked.processes)
    model = transformer(getattr(torch, asked.dtype), f"cuda:{rank}" if gpu else "cpu", **shape)
    laid_out = sequence(asked.canvas, asked.references)
    whole = arranged(model, "exact", laid_out)
    shared = {way: SharedArrangement(whole, Parallel(way)) for way in PARALLELS}
    alone: list[float] = []
    together: dict[str, list[float]] = {way: [] for way in PARALLELS}
    velocities = {}
    for _ in range(asked.runs + 1):  # the first round warms up
        if rank == 0:
            seconds, expected = timed(lambda: step(model, whole, laid_out), model.device)
            alone.append(seconds)
        for way, arrangement in shared.items():
            distributed.barrier()
            seconds, velocities[way] = timed(lambda given=arrangement: step(model, given, laid_out), model.device)
            together[way].append(seconds)
    distributed.destroy_process_group()
    if rank:
        return
    one = statistics.median(alone[1:])
    for way, times in together.items():
        seconds = statistics.median(times[1:])
        line = {
            "parallel": f"{way}={asked.processes}",
            "canvas": asked.canvas,
            "references": asked.references,
            "dtype": asked.dtype,
            "speed_up": round(one / seconds, 2),
            "of_ideal": round(one / seconds / asked.processes, 2),
            "alone_seconds": round(one, 3),
            "together_seconds": round(seconds, 3),
            "relative_difference": apart(velocities[way].float(), expected.float()),
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--canvas", type=int, default=512)
    parser.add_argument("--references", type=int, default=4)
    parser.add_argument("--dtype")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", action="store_true", help="a model of three blocks, to try the script")
    asked = parser.parse_args()
    asked.dtype = asked.dtype or ("bfloat16" if asked.device == "cuda" else "float32")
    shape = {**TINY, "heads": asked.processes} if asked.tiny else FLUX if asked.device == "cuda" else SMALL
    os.environ["OMP_NUM_THREADS"] = "1"
    with TemporaryDirectory() as folder:
        arguments = (asked, shape, str(Path(folder) / "store"))
        multiprocessing.spawn(measure, arguments, nprocs=asked.processes)


if __name__ == "__main__":
    main()
