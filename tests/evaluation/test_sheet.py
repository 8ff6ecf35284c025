"""A sheet has a case's pictures side by side, and three cases in a row."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextgen.evaluation.sheet import contact_sheet

COLOURS = ("red", "lime", "blue")


def test_the_pictures_of_a_case_stand_side_by_side():
    cases = [[Image.new("RGB", (20, 10), colour) for colour in COLOURS] for _ in range(4)]
    sheet = contact_sheet(cases)
    assert sheet.size == (3 * (3 * 22 - 2 + 12) - 12, 2 * 22 - 12)
    fourth = np.asarray(sheet)[22:, : 3 * 22 - 2]
    assert [fourth[:, x : x + 20].mean((0, 1)).tolist() for x in (0, 22, 44)] == [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
    ]
    assert (fourth[:, 20:22] == 255).all()


def test_there_is_no_sheet_of_nothing():
    with pytest.raises(ValueError, match="no cases"):
        contact_sheet([])
