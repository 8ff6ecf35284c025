"""Overlap of what differs from the background with the truth's masks."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.evaluation.synthetic.mask_iou import intersection_over_union


def test_overlap_of_masks_is_that_of_their_pixels():
    own = np.zeros((40, 40), np.bool_)
    own[10:30, 10:30] = True
    nothing = np.zeros_like(own)
    box = (10, 10, 30, 30)
    assert intersection_over_union(own, own, nothing, box) == 1
    assert intersection_over_union(nothing, own, nothing, box) == 0
    half = own.copy()
    half[:, 20:] = False
    assert intersection_over_union(half, own, nothing, box) == pytest.approx(0.5)
    everywhere = np.ones_like(own)  # looked for two pixels around the box
    assert intersection_over_union(everywhere, own, nothing, box) == pytest.approx(20**2 / 24**2)


def test_what_others_show_is_nobodys_fault():
    own, other = np.zeros((40, 40), np.bool_), np.zeros((40, 40), np.bool_)
    own[10:30, 10:20] = True
    other[10:30, 22:30] = True
    assert intersection_over_union(own | other, own, other, (10, 10, 30, 30)) == 1
