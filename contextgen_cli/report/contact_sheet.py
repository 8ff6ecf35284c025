"""All pictures of a folder as one picture: a grid with their names below, within sides that viewers still open."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.records import picture_file
from contextgen_cli.report.thumbnails import SHEET_KEY, on_all_cores, reduced
from contextgen_cli.scene.check.problems import printable

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

COMFORTABLE_SIDE = 4096  # pixels of the sheet, which cells shrink for
LARGEST_SIDE = 8192  # which it grows to when they are at their smallest
_CELLS = (256, 192, 128, 96)  # pixels of a picture, from a few of them to thousands
_GAP, _CAPTION, _LETTERS = 12, 20, 13
_GROUND, _INK = "#f6f6f4", "#1c1c1f"


@dataclass(frozen=True, slots=True)
class SheetGrid:
    """So many columns and rows of square cells."""

    columns: int
    rows: int
    cell: int

    @classmethod
    def of(cls, count: int) -> SheetGrid:
        """The largest cells that hold so many pictures; the smallest, filled, where none do."""
        for cell in _CELLS:
            columns = math.ceil(math.sqrt(max(1, count)))
            grid = cls(columns, math.ceil(max(1, count) / columns), cell)
            if max(grid.size) <= (LARGEST_SIDE if cell == _CELLS[-1] else COMFORTABLE_SIDE):
                return grid
        columns, rows = ((LARGEST_SIDE - _GAP) // (cell + _GAP), (LARGEST_SIDE - _GAP) // (cell + _GAP + _CAPTION))
        return cls(columns, min(rows, math.ceil(count / columns)), cell)

    @property
    def room(self) -> int:
        return self.columns * self.rows

    @property
    def size(self) -> tuple[int, int]:
        return self.columns * (self.cell + _GAP) + _GAP, self.rows * (self.cell + _GAP + _CAPTION) + _GAP

    def corner(self, number: int) -> tuple[int, int]:
        row, column = divmod(number, self.columns)
        return column * (self.cell + _GAP) + _GAP, row * (self.cell + _GAP + _CAPTION) + _GAP


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet's bytes, and how many pictures are in it."""

    png: bytes
    held: int


def draw(pictures: Sequence[tuple[str, Path]]) -> Sheet:
    """A contact sheet of whole pictures, each with the name it is given; those that do not fit are left out."""
    from PIL import Image, ImageDraw, ImageFont

    grid = SheetGrid.of(len(pictures))
    held = pictures[: grid.room]
    sheet = Image.new("RGB", grid.size, _GROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LETTERS)
    small = on_all_cores(lambda named: _small(named[1], grid.cell), held)
    for number, ((name, _), picture) in enumerate(zip(held, small, strict=True)):
        left, top = grid.corner(number)
        sheet.paste(picture, (left + (grid.cell - picture.width) // 2, top + (grid.cell - picture.height) // 2))
        _caption(pen, font, printable(name), (left, top + grid.cell + 3), grid.cell)
    return Sheet(_png(sheet), len(held))


def _small(path: Path, side: int) -> Image:
    with picture_file.opened(path) as image:
        return reduced(image, side)


def _caption(pen: ImageDraw, font: FreeTypeFont | ImageFont, name: str, corner: tuple[int, int], width: int) -> None:
    """The name, cut short in its middle where there is no room: scene and seed are at its ends."""
    shown, kept = name, len(name)
    while pen.textlength(shown, font=font) > width and kept > 2:
        kept -= 1
        shown = f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
    pen.text((corner[0] + (width - pen.textlength(shown, font=font)) / 2, corner[1]), shown, fill=_INK, font=font)


def _png(sheet: Image) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    marked = PngInfo()
    marked.add_itxt(SHEET_KEY, "1")  # a report of the same folder passes it over
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", pnginfo=marked, compress_level=4)
    return buffer.getvalue()
