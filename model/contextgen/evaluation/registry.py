"""The benchmarks by name: the one place that knows them all, without importing any. No torch, no numpy."""

from __future__ import annotations

from typing import Any

from contextgen.evaluation.benchmark import Benchmark
from contextgen.evaluation.extent import BenchmarkExtent
from contextgen.evaluation.synthetic.listing import SYNTHETIC

BENCHMARKS = {listing.name: listing for listing in (SYNTHETIC,)}


def open_benchmark(name: str, extent: BenchmarkExtent) -> Benchmark[Any]:
    """A benchmark, to be measured as far as `extent` says.

    Raises:
        ValueError: there is no such benchmark.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"unknown benchmark {name!r}: use one of {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name].open(extent)
