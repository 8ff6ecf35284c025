"""Tables and records follow from the metrics, whatever the benchmark."""

from __future__ import annotations

import math

from contextgen.evaluation.benchmark import Row
from contextgen.evaluation.metrics import Metric, Rate
from contextgen_cli.app.metric_table import records, tables

METRICS = (
    Metric("cases", aggregate=sum, higher_is_better=None),
    Metric("success", "I-SR", "%", aggregate=Rate.of),
    Metric("inside", "PSNR in/out", "dB", digits=1),
    Metric("outside", "PSNR in/out", "dB", digits=1),
    Metric("clip", "CLIP", digits=3),
)
ROWS = [
    Row("small", "ours", {"cases": 4, "success": Rate.of([1, 1, 1, 0]), "inside": 20.04, "outside": 9.0, "clip": 0.25}),
    Row(
        "small", "truth", {"cases": 4, "success": Rate.of([1] * 4), "inside": 100.0, "outside": math.nan, "clip": None}
    ),
    Row("large", "ours", {"cases": 1, "success": Rate.of([]), "inside": 1.0, "outside": 2.0, "clip": 0.123456}),
]


def test_a_group_is_a_table_and_metrics_of_one_label_share_a_column() -> None:
    small, large = tables(METRICS, ROWS, lambda row: f"{row.group}: {row.values['cases']} cases")
    assert (small.heading, large.heading) == ("small: 4 cases", "large: 1 cases")
    assert small.columns == large.columns == ("answer", "I-SR %", "PSNR in/out", "CLIP")
    assert small.rows == (
        ("ours", "75.0 ±45", "20.0 9.0", "0.250"),
        ("truth", "100.0 ±49", "100.0 nan", ""),
    )


def test_records_are_rounded_and_null_where_nothing_can_be_said() -> None:
    found = records(ROWS)
    assert list(found[0]) == ["level", "answer", "cases", "success", "inside", "outside", "clip"]
    assert found[0]["success"] == {"share": 0.75, "low": 0.3006, "high": 0.9544, "count": 4}
    assert (found[1]["outside"], found[1]["clip"], found[1]["cases"]) == (None, None, 4)
    assert found[2]["clip"] == 0.1235
    assert found[2]["success"] == {"share": None, "low": 0.0, "high": 1.0, "count": 0}
