"""The run lengths of a mask from the ways in which they are written: COCO's text, Label Studio's bits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from contextgen_cli.scene.imports.foreign_values import MalformedError, brief, number
from contextgen_cli.scene.imports.outlines import Runs
from contextgen_cli.scene.limits import REFERENCE_PIXELS
from contextgen_cli.scene.scene import Box

_FIRST_LETTER = 48  # stands for 0 in COCO's text; a letter carries five bits and one that says that others follow
_MOST_LETTERS = 8  # of one number
_HALF = 128


def runs(counts: Iterable[Any], window: Box, *, by_columns: bool = False) -> Runs:
    """The outline of run lengths over a window of a picture.

    Raises:
        MalformedError: they are none, or do not fill the window.
    """
    lengths = tuple(_length(count) for count in counts)
    left, top, right, bottom = window.pixels
    pixels = (right - left) * (bottom - top)
    if left < 0 or top < 0 or not 0 < pixels <= REFERENCE_PIXELS:
        raise MalformedError(f"its mask is {right - left} x {bottom - top} px at {left}, {top}")
    if sum(lengths) != pixels:
        raise MalformedError(f"the run lengths of its mask are of {sum(lengths):,} px, its size of {pixels:,}")
    return Runs(lengths, window, by_columns)


def _length(count: Any) -> int:
    found = number(count)
    if found < 0 or found != int(found):
        raise MalformedError(f"{brief(count)} is no run length")
    return int(found)


def coco_counts(written: str) -> list[int]:
    """The lengths that COCO writes as a text: from the third on, each as what it differs by from the last but one.

    Raises:
        MalformedError: it is no such text.
    """
    lengths: list[int] = []
    value = shift = 0
    for letter in written:
        bits = ord(letter) - _FIRST_LETTER
        if not 0 <= bits < 64 or shift >= 5 * _MOST_LETTERS:
            raise MalformedError(f"the run lengths of its mask are no text of COCO: {brief(written)}")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:  # the last of a number
            value -= (1 << shift) if bits & 16 else 0  # which is negative
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    if shift:
        raise MalformedError("the run lengths of its mask are cut short")
    return lengths


def label_studio_counts(packed: Sequence[Any]) -> list[int]:
    """The lengths of a Label Studio brush, by rows: its bytes pack the four channels of each pixel, of which the last
    says whether the pixel is taken.

    Raises:
        MalformedError: they are no such bytes.
    """
    try:
        bits = _Bits(bytes(packed))
    except (TypeError, ValueError):
        raise MalformedError("the brush's run lengths are no bytes") from None
    lengths, is_taken, at = [0], False, 0
    for length, value in _packed_runs(bits):
        first, last = (at + 4) // 4, (at + length) // 4  # fourths that end in it: pixels whose last channel this is
        at += length
        if last < first:
            continue
        if (value >= _HALF) != is_taken:
            lengths.append(0)
            is_taken = not is_taken
        lengths[-1] += last - first + 1
    return lengths


def _packed_runs(bits: _Bits) -> Iterable[tuple[int, int]]:
    """Lengths and values: each block repeats one word, or lists some."""
    total, word = bits.take(32), bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in range(4)]
    if total > 4 * REFERENCE_PIXELS:
        raise MalformedError(f"the brush's run lengths are of {total:,} values")
    while total > 0:
        repeats = bits.take(1)
        count = 1 + bits.take(sizes[bits.take(2)])
        total -= count
        if repeats:
            yield count, bits.take(word)
        else:
            for _ in range(count):
                yield 1, bits.take(word)


class _Bits:
    """Bytes, read bit by bit, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        first, last = self._at // 8, (self._at + count + 7) // 8
        if last > len(self._data):
            raise MalformedError("the brush's run lengths are cut short")
        self._at += count
        value = int.from_bytes(self._data[first:last], "big") >> (8 * last - self._at)
        return value & ((1 << count) - 1)
