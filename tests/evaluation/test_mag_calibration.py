"""The ratios that MagCache needs, with the tiny real model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from painting import TINY_ADAPTER, TINY_MODEL

from contextgen import ContextGenPipeline
from contextgen.evaluation.mag_calibration import calibration_case, mag_ratios
from contextgen.method.method_card import ModelCard


@pytest.fixture
def pipe() -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=TINY_ADAPTER)
    pipe.set_progress_bar_config(disable=True)
    pipe.card = replace(pipe.card, steps=3, width=128, height=96)
    return pipe


def test_ratios_are_those_of_the_canvas_alone(pipe):
    cases = [calibration_case(number, pipe.card) for number in range(2)]
    exact = mag_ratios(pipe, cases)
    assert exact[0] == 1 and len(exact) == 3 and all(ratio > 0 for ratio in exact)
    pipe.set_attention("masked")  # where nothing is left out of the sequence and its order is the paper's
    assert mag_ratios(pipe, cases) == pytest.approx(exact, rel=1e-4)
    assert mag_ratios(pipe, cases[:1])[1] != pytest.approx(exact[1], rel=1e-4)


def test_a_ratio_above_one_is_work_that_grows(pipe):
    done = []

    def tenfold(block, given, output):
        done.append(1)
        return output[0], output[1] * 10.0 ** len(done)

    pipe.transformer.single_transformer_blocks[-1].register_forward_hook(tenfold)
    assert min(mag_ratios(pipe, [calibration_case(0, pipe.card)])[1:]) > 3


def test_nothing_is_measured_on_no_cases_nor_where_steps_are_left_out(pipe):
    with pytest.raises(ValueError, match="at least one"):
        mag_ratios(pipe, [])
    pipe.cache_steps = "mag"
    with pytest.raises(ValueError, match="every step is computed"):
        mag_ratios(pipe, [calibration_case(0, pipe.card)])


@pytest.mark.parametrize("canvas", [(256, 256), (768, 512)])
def test_a_case_has_the_canvas_of_the_card_and_its_boxes_inside(canvas):
    case = calibration_case(3, ModelCard(width=canvas[0], height=canvas[1]))
    assert case.size == canvas
    for instance in case.instances:
        left, top, right, bottom = instance.box
        assert 0 <= left < right <= canvas[0] and 0 <= top < bottom <= canvas[1]
    assert max(instance.box[2] for instance in case.instances) > canvas[0] / 4
