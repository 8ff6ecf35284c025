"""Benchmarks are found by name, and nothing heavy is imported before one is opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contextgen.evaluation.benchmark import SECONDS
from contextgen.evaluation.extent import BenchmarkExtent
from contextgen.evaluation.registry import BENCHMARKS, open_benchmark


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_is_as_it_is_listed(name):
    listing = BENCHMARKS[name]
    benchmark = open_benchmark(name, BenchmarkExtent(listing.levels[:1], 1))
    assert benchmark.name == listing.name == name
    assert benchmark.count == len(list(benchmark.cases())) == 1
    assert set(listing.quick.levels) <= set(listing.levels)
    assert len({metric.key for metric in benchmark.metrics}) == len(benchmark.metrics)
    (case,) = benchmark.cases()
    assert case.groups[0] == listing.levels[0]


def test_the_docs_list_every_metric_with_its_unit_and_direction():
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
    for metric in (*open_benchmark("synthetic", BenchmarkExtent(("plain",), 1)).metrics, SECONDS):
        if metric.label:
            better = "higher" if metric.higher_is_better else "lower"
            unit = f" {metric.unit} " if metric.unit else " "
            assert f"| {metric.label} |{unit}| {better} |" in page


def test_an_unknown_benchmark_is_refused():
    with pytest.raises(ValueError, match="use one of synthetic"):
        open_benchmark("coco", BenchmarkExtent(("plain",), 1))


def test_benchmarks_are_listed_without_anything_heavy():
    script = (
        "import sys; import contextgen.evaluation.registry as registry; import contextgen.evaluation.systems; "
        "print(*({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
