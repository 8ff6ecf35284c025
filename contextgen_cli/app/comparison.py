"""Two pictures held against each other, and the versions that painted them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.records import picture_file
from contextgen_cli.records.regular_files import sha256_of_file

if TYPE_CHECKING:
    from PIL.Image import Image


class Verdict(str, Enum):
    """What became of a picture that was painted again."""

    SAME_BYTES = "same_bytes"
    SAME_PIXELS = "same_pixels"
    DIFFERENT = "different"
    FAILED = "failed"  # there is none


@dataclass(frozen=True)
class Comparison:
    """A picture and its replay.

    Attributes:
        differing: share of the pixels that are not the same.
        largest: the largest difference, in levels of 255; None: the two are not of one size, or one cannot be read.
        problem: why not.
    """

    same_bytes: bool
    differing: float = 0.0
    largest: int | None = 0
    problem: str | None = None

    @property
    def same_pixels(self) -> bool:
        """Whether they look alike to the last bit."""
        return self.largest == 0

    @property
    def verdict(self) -> Verdict:
        """The same bytes, else the same pixels, else different."""
        if self.same_bytes:
            return Verdict.SAME_BYTES
        return Verdict.SAME_PIXELS if self.same_pixels else Verdict.DIFFERENT


def compare(picture: Path, again: Path) -> Comparison:
    """Hold two PNG files against each other, byte by byte and pixel by pixel."""
    if sha256_of_file(picture) == sha256_of_file(again):
        return Comparison(same_bytes=True)
    try:
        with picture_file.opened(picture) as one, picture_file.opened(again) as other:
            if one.size != other.size:
                return Comparison(same_bytes=False, differing=1.0, largest=None)
            return Comparison(False, *_difference(one.convert("RGB"), other.convert("RGB")))
    except OSError as problem:
        words = problem.strerror or str(problem)
        return Comparison(same_bytes=False, differing=1.0, largest=None, problem=words)


def _difference(one: Image, other: Image) -> tuple[float, int]:
    from PIL import ImageChops

    red, green, blue = ImageChops.difference(one, other).split()
    largest = ImageChops.lighter(ImageChops.lighter(red, green), blue)  # of the three channels
    counts = largest.histogram()
    levels = [level for level, count in enumerate(counts) if count]
    return 1 - counts[0] / sum(counts), levels[-1]


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What of the versions is not as it was, in words."""
    names = [*then, *(name for name in now if name not in then)]
    changed = [name for name in names if then.get(name) != now.get(name)]
    return [f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}" for name in changed]
