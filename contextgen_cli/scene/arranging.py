"""Where subjects go that nobody has placed: side by side on the canvas, in boxes of their shapes that stay apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from contextgen_cli.scene.scene import Box, Size

_FILLED = 0.84  # share of a cell's sides that a box may take: the rest keeps neighbours apart
_LARGEST = 0.6  # of the canvas' sides: something around a subject is to be seen
_SMALLEST = 16  # pixels: less is smaller than a token of the models of today

_Cell = tuple[float, float, float, float]  # left, top, width, height


def side_by_side(aspects: Sequence[float], canvas: Size) -> list[Box]:
    """A box for each subject, in whole pixels, in the rows that leave the smallest of them the most room.

    Args:
        aspects: of each subject, width : height.
    """
    rows = (list(_boxes(aspects, columns, canvas)) for columns in range(len(aspects), 0, -1))
    return max(rows, key=lambda boxes: min(box.area for box in boxes))


def _boxes(aspects: Sequence[float], columns: int, canvas: Size) -> Iterator[Box]:
    rows = math.ceil(len(aspects) / columns)
    for row in range(rows):
        members = aspects[row * columns : (row + 1) * columns]
        width, height = canvas.width / len(members), canvas.height / rows
        for column, aspect in enumerate(members):
            yield _box(aspect, (column * width, row * height, width, height), canvas)


def _box(aspect: float, cell: _Cell, canvas: Size) -> Box:
    """The largest box of that shape in the middle of a cell."""
    left, top, cell_width, cell_height = cell
    most_width = min(_FILLED * cell_width, _LARGEST * canvas.width)
    most_height = min(_FILLED * cell_height, _LARGEST * canvas.height)
    width = max(_SMALLEST, math.floor(min(most_width, most_height * aspect)))
    height = max(_SMALLEST, math.floor(min(most_height, most_width / aspect)))
    x, y = math.ceil(left + (cell_width - width) / 2), math.ceil(top + (cell_height - height) / 2)
    return Box(x, y, x + width, y + height)
