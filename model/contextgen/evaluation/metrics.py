"""What a benchmark tells: its metrics, and how the scores of many cases become one number each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_Z = 1.96  # of the normal distribution: 95 %


@dataclass(frozen=True)
class Rate:
    """A share of successes with its 95 % interval (Wilson, 1927); trials count as independent.

    Attributes:
        share: 0 to 1, nan without trials; low, high: the interval.
        count: trials.
    """

    share: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, successes: Sequence[float]) -> Rate:
        """The rate of some outcomes, each 1 (or True) or 0."""
        n = len(successes)
        if not n:
            return cls(math.nan, 0.0, 1.0, 0)
        share = sum(successes) / n
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        reach = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        return cls(share, max(0.0, middle - reach), min(1.0, middle + reach), n)


def mean(scores: Sequence[float]) -> float:
    """The mean of the scores that are numbers; nan without any."""
    known = [score for score in scores if not math.isnan(score)]
    return math.fsum(known) / len(known) if known else math.nan


@dataclass(frozen=True)
class Metric:
    """One number that a benchmark gives a system.

    Attributes:
        key: its name in JSON, and that of the scores which it is an aggregate of.
        label: heads its column of a table; metrics of one label share a column, and those without one have none.
        unit: `%` of a rate, `dB`, `s`; empty for a plain number.
        higher_is_better: None for what is no merit, such as a count.
        aggregate: the scores of all cases of a group -> the number; it gets the scores of each key of `of` in turn.
        digits: behind the point, in a table.
        of: the keys of the scores, if not its own.
    """

    key: str
    label: str = ""
    unit: str = ""
    higher_is_better: bool | None = True
    aggregate: Callable[..., Rate | float] = mean
    digits: int = 2
    of: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the scores that it is an aggregate of."""
        return self.of or (self.key,)
