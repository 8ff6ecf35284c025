"""How much of a benchmark is measured, and how a benchmark is listed before anything of it is imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextgen.evaluation.benchmark import Benchmark


@dataclass(frozen=True)
class BenchmarkExtent:
    """What of a benchmark is measured.

    Attributes:
        levels: of its levels, at least one.
        scenes: the first cases of each level.
        steps: of denoising; None: the model's own number.
    """

    levels: tuple[str, ...]
    scenes: int
    steps: int | None = None


@dataclass(frozen=True)
class Listing:
    """A benchmark as the command line lists it.

    Attributes:
        help: a line, and paragraphs behind it.
        open: makes the benchmark; what it needs is imported only then.
        usual, quick: what is measured if nobody says how much, and if it should be quick.
    """

    name: str
    help: str
    open: Callable[[BenchmarkExtent], Benchmark[Any]]
    usual: BenchmarkExtent
    quick: BenchmarkExtent

    @property
    def levels(self) -> tuple[str, ...]:
        """All its levels."""
        return self.usual.levels
