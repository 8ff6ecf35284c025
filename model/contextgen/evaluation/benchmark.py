"""What a benchmark is, and the loop: every system's picture of every case, measured, and the scores aggregated.

No benchmark and no model is known here; `contextgen.evaluation.registry` knows the benchmarks by name.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from contextgen.evaluation.cases import Case
from contextgen.evaluation.metrics import Metric, Rate
from contextgen.evaluation.systems import System

if TYPE_CHECKING:
    from PIL.Image import Image

CaseT = TypeVar("CaseT", bound=Case)
Scores = Mapping[str, Sequence[float]]  # of one picture, by key: one an instance, a question, or the picture
SECONDS = Metric("seconds", "s", "s", higher_is_better=False)  # of every benchmark, where a model paints


class Benchmark(Protocol[CaseT]):
    """Cases to paint, and what is measured of a picture of one.

    Attributes:
        name: as typed.
        metrics: in the order of the columns.
        count: how many cases there are.
    """

    @property
    def name(self) -> str: ...

    @property
    def metrics(self) -> Sequence[Metric]: ...

    @property
    def count(self) -> int: ...

    def cases(self) -> Iterator[CaseT]:
        """The cases, group by group, each made when it is asked for."""
        ...

    def measure(self, case: CaseT, picture: Image) -> Scores:
        """The scores of a picture of a case.

        A key is left out where the case does not ask for it, and has no scores where nothing could be asked of it.

        Raises:
            ValueError: the picture is not of the case's size.
        """
        ...

    def comparisons(self, pipe: Any) -> Sequence[System[CaseT]]:
        """What a model, given as its pipeline, is held against."""
        ...

    def heading(self, row: Row) -> str:
        """What stands above the table of a group; `row` is that of its first system."""
        ...

    def sheet(self, shown: Sequence[tuple[CaseT, Image]]) -> Image:
        """A sheet to look at, of some cases with their pictures."""
        ...


@dataclass(frozen=True)
class Result:
    """The scores of one system's picture of one case.

    Attributes:
        case: its name.
        groups: those of the case.
        system: whose picture it is.
    """

    case: str
    groups: tuple[str, ...]
    system: str
    scores: Scores


@dataclass(frozen=True)
class Measured(Generic[CaseT]):
    """A result with all that it was found from."""

    result: Result
    case: CaseT
    picture: Image


@dataclass(frozen=True)
class Row:
    """The aggregates of one system over one group of cases.

    Attributes:
        values: by the metric's key; None where no case asked for it.
    """

    group: str
    system: str
    values: Mapping[str, Rate | float | None]


def measured(benchmark: Benchmark[CaseT], systems: Sequence[System[CaseT]]) -> Iterator[Measured[CaseT]]:
    """Every system's picture of every case, case by case."""
    for case in benchmark.cases():
        for system in systems:
            began = time.perf_counter()
            picture = system.picture(case).convert("RGB")
            took = {SECONDS.key: [time.perf_counter() - began]} if system.painted else {}
            scores = {**benchmark.measure(case, picture), **took}
            yield Measured(Result(case.name, case.groups, system.name, scores), case, picture)


def rows(metrics: Sequence[Metric], results: Sequence[Result]) -> list[Row]:
    """The aggregates by group and system, in the order in which they first occur, over the scores of all cases."""
    pools: dict[tuple[str, str], dict[str, list[float]]] = {}
    for result in results:
        for group in result.groups:
            pool = pools.setdefault((group, result.system), {})
            for key, scores in result.scores.items():
                pool.setdefault(key, []).extend(scores)
    return [Row(*key, {metric.key: _value(metric, pool) for metric in metrics}) for key, pool in pools.items()]


def _value(metric: Metric, pool: Mapping[str, Sequence[float]]) -> Rate | float | None:
    if not all(key in pool for key in metric.sources):
        return None
    return metric.aggregate(*(pool[key] for key in metric.sources))
