"""How the benchmark of held-out objects is listed, and what it is measured on by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contextgen.evaluation.extent import BenchmarkExtent, Listing

if TYPE_CHECKING:
    from contextgen.evaluation.benchmark import Benchmark
    from contextgen.evaluation.synthetic.synthetic_benchmark import SyntheticCase

HINTED = ("blurred", "silhouette", "absent")
LEVELS = ("plain", "complex", "flexible", *HINTED)


def _open(extent: BenchmarkExtent) -> Benchmark[SyntheticCase]:
    from contextgen.evaluation.synthetic.synthetic_benchmark import SyntheticBenchmark

    return SyntheticBenchmark(extent)


SYNTHETIC = Listing(
    name="synthetic",
    help="""Measure a model on fixed scenes of objects that no training of ours has seen.

    I-SR is the share of objects that are recognised at their place among all there are, SR that of scenes all
    of whose objects are, each with its 95 % interval; mIoU compares the objects' outlines with the truth's.
    Beside the model stand the truth, the truth through the model's codec, the layout image, and the layout
    pasted on the background asked for. The scenes of blurred, silhouette and absent are the plain ones, but
    for what the layout shows of their objects.
    """,
    open=_open,
    usual=BenchmarkExtent(LEVELS, scenes=200),
    quick=BenchmarkExtent(("plain", "silhouette"), scenes=16, steps=6),
)
