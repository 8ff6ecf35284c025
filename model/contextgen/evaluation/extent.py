"""How much of a benchmark is measured, and how a benchmark is listed before anything of it is imported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
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
        home: `module:class` of the `Benchmark`, which is made of an `Extent`.
        usual, quick: what is measured if nobody says how much, and if it should be quick.
    """

    name: str
    help: str
    home: str
    usual: Extent
    quick: Extent

    @property
    def levels(self) -> tuple[str, ...]:
        """All its levels."""
        return self.usual.levels
