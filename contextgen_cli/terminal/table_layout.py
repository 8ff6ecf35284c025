"""How wide the columns of a table are on a terminal: words stay whole, and where they cannot, there is no table."""

from __future__ import annotations

from collections.abc import Sequence

_LEGIBLE = 12  # cells of a line that a column whose words may be broken must have
_GAP = 2  # cells between columns

Rows = Sequence[Sequence[str]]


def widths(columns: Sequence[str], rows: Rows, yielding: Sequence[str], room: int) -> list[int] | None:
    """A width for each column, in cells, that together fill no more than the room; None: there is not enough of it.

    The `yielding` columns fold first, and may break words, such as the names of files; then the others, between words.
    """
    room -= _GAP * (len(columns) - 1)
    whole = [_longest(column) for column in zip(columns, *rows, strict=True)]
    words = [
        _longest([word for cell in column for word in cell.split()]) for column in zip(columns, *rows, strict=True)
    ]
    for least in (whole, words):
        broken = [min(_LEGIBLE, width) for width in words]
        needed = [few if name in yielding else many for name, few, many in zip(columns, broken, least, strict=True)]
        if sum(needed) <= room:
            return _grown(needed, whole, room)
    return None


def _grown(widths: Sequence[int], wanted: Sequence[int], room: int) -> list[int]:
    """What room is left goes, cell by cell, to the column that lacks most."""
    grown = list(widths)
    for _ in range(min(room, sum(wanted)) - sum(grown)):
        poorest = max(range(len(grown)), key=lambda index: wanted[index] - grown[index])
        grown[poorest] += 1
    return grown


def _longest(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def stacked(columns: Sequence[str], row: Sequence[str], room: int) -> str:
    """A row where there is no room for columns: the first cell, below it each other with its column's name."""
    head, *rest = row
    lines = [""]
    for name, cell in zip(columns[1:], rest, strict=True):
        named = f"{name} {cell}" if cell else ""
        joined = ", ".join(filter(None, (lines[-1], named)))
        lines[-1:] = [joined] if _longest([joined]) + _GAP < room else [f"{lines[-1]},", named]
    return "\n".join([head, *(f"  {line}" for line in lines)])
