"""A sheet to look at: layout, picture and truth of some scenes side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation.systems import layout_of, on_grey

_ACROSS = 3  # scenes in a row
_GAP, _WIDE_GAP = 2, 12  # pixels: between the pictures of a scene, between scenes


def contact_sheet(pairs: Sequence[tuple[SyntheticScene, Image.Image]]) -> Image.Image:
    """Layout | picture | truth of every scene, three scenes in a row, RGB; all of one canvas size.

    Raises:
        ValueError: there is nothing to show.
    """
    if not pairs:
        raise ValueError("a sheet of no scenes")
    width, height = pairs[0][0].target.size
    step_x, step_y = 3 * width + 2 * _GAP + _WIDE_GAP, height + _WIDE_GAP
    across, down = min(_ACROSS, len(pairs)), -(-len(pairs) // _ACROSS)
    sheet = Image.new("RGB", (across * step_x - _WIDE_GAP, down * step_y - _WIDE_GAP), "white")
    for index, (scene, picture) in enumerate(pairs):
        x, y = index % _ACROSS * step_x, index // _ACROSS * step_y
        sheet.paste(on_grey(layout_of(scene)), (x, y))
        sheet.paste(picture, (x + width + _GAP, y))
        sheet.paste(scene.target, (x + 2 * (width + _GAP), y))
    return sheet
