"""The scenes of the benchmark are fixed, of objects that no training sees."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.objects import is_held_out
from contextgen.evaluation.synthetic.held_out_scenes import held_out_scene
from contextgen.evaluation.synthetic.listing import HINTED, LEVELS

FEW = 6
CROWD = next(number for number in range(99) if len(held_out_scene("plain", number).names) > 2)


@pytest.mark.parametrize("level", LEVELS)
def test_only_objects_that_no_training_sees_occur(level):
    assert all(is_held_out(name) for number in range(FEW) for name in held_out_scene(level, number).names)


@pytest.mark.parametrize("level", LEVELS)
def test_a_scene_is_the_same_every_time(level):
    first, second = (held_out_scene(level, 3) for _ in range(2))
    assert (first.prompt, first.names, first.hints) == (second.prompt, second.names, second.hints)
    assert first.target.tobytes() == second.target.tobytes()
    assert first.layout is second.layout is None or first.layout.tobytes() == second.layout.tobytes()


@pytest.mark.parametrize("level", HINTED)
def test_hinted_scenes_are_the_plain_ones_but_for_the_layout(level):
    plain, hinted = held_out_scene("plain", CROWD), held_out_scene(level, CROWD)
    assert (hinted.prompt, hinted.names) == (plain.prompt, plain.names)
    assert hinted.target.tobytes() == plain.target.tobytes()
    assert set(hinted.hints) == {level}
    shown = np.asarray(hinted.layout.getchannel("A")) > 0
    assert shown.any() == (level != "absent")


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="use one of plain"):
        held_out_scene("easy", 0)
