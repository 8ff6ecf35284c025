"""A sheet to look at: the pictures of a case side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

_ACROSS = 3  # cases in a row
_GAP, _WIDE_GAP = 2, 12  # pixels: between the pictures of a case, between cases


def contact_sheet(cases: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """The pictures of every case in a row, three cases beside each other, RGB; all of one size, as many for each.

    Raises:
        ValueError: there is nothing to show.
    """
    if not cases:
        raise ValueError("a sheet of no cases")
    count, (width, height) = len(cases[0]), cases[0][0].size
    step_x, step_y = count * (width + _GAP) - _GAP + _WIDE_GAP, height + _WIDE_GAP
    across, down = min(_ACROSS, len(cases)), -(-len(cases) // _ACROSS)
    sheet = Image.new("RGB", (across * step_x - _WIDE_GAP, down * step_y - _WIDE_GAP), "white")
    for index, pictures in enumerate(cases):
        for place, picture in enumerate(pictures):
            sheet.paste(picture, (index % _ACROSS * step_x + place * (width + _GAP), index // _ACROSS * step_y))
    return sheet
