"""Objects stand inside the canvas, and no more of each is hidden than is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.objects import objects
from contextgen.data.placing import place
from contextgen.data.posing import Pose


@pytest.mark.parametrize(("canvas", "count"), [((256, 256), 4), ((64, 64), 1), ((384, 128), 5)])
@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_boxes_lie_inside_and_hide_no_more_than_is_allowed(canvas, count, hidden) -> None:
    for seed in range(4):
        cast = [(thing, Pose()) for thing in objects("train")[:count]]
        placed = place(np.random.default_rng(seed), cast, canvas, hidden)
        assert [each.thing for each in placed] == [thing for thing, _ in cast]
        covered = np.zeros((count, canvas[1], canvas[0]), bool)
        for mask, each in zip(covered, placed, strict=True):
            left, top, right, bottom = each.box
            assert 0 <= left < right <= canvas[0] and 0 <= top < bottom <= canvas[1]
            assert each.cutout.size == (right - left, bottom - top)
            mask[each.area] = True
        for index in range(count - 1):
            behind, fronts = covered[index], covered[index + 1 :].any(0)
            assert (behind & fronts).sum() <= hidden * behind.sum()
