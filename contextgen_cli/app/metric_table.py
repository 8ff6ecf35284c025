"""A benchmark's aggregates -> tables for a person, records for a program; both follow from its metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextgen.evaluation.benchmark import Row
    from contextgen.evaluation.metrics import Metric, Rate

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Table:
    """One group's metrics in words."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(metrics: Sequence[Metric], rows: Sequence[Row], heading: Callable[[Row], str]) -> Iterator[Table]:
    """A table for each group, a row for each system, a column for each label; `heading` says what stands above."""
    labelled = [metric for metric in metrics if metric.label]
    columns = [list(sharing) for _, sharing in groupby(labelled, key=lambda metric: metric.label)]
    headings = ("answer", *(_heading(column[0]) for column in columns))
    for _, group in groupby(rows, key=lambda row: row.group):
        first, *others = group
        cells = tuple((row.system, *(_cell(column, row) for column in columns)) for row in (first, *others))
        yield Table(heading(first), headings, cells)


def records(rows: Sequence[Row]) -> list[dict[str, object]]:
    """A record for each row: numbers rounded, null for what cannot be said."""
    return [
        {"level": row.group, "answer": row.system, **{key: _plain(value) for key, value in row.values.items()}}
        for row in rows
    ]


def _heading(metric: Metric) -> str:
    return f"{metric.label} %" if metric.unit == "%" else metric.label


def _cell(metrics: Sequence[Metric], row: Row) -> str:
    return " ".join(_words(metric, row.values[metric.key]) for metric in metrics)


def _words(metric: Metric, value: Rate | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float | int):
        return f"{value:.{metric.digits}f}"
    reach = max(value.high - value.share, value.share - value.low)  # the longer arm of the interval
    return f"{100 * value.share:.1f} ±{100 * reach:.0f}"


def _plain(value: Rate | float | None) -> object:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, _DIGITS)
    return {name: _plain(part) for name, part in asdict(value).items()}
