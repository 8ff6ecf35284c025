"""Rates have Wilson's interval; means leave out what is no number."""

from __future__ import annotations

import math

import pytest

from contextgen.evaluation.metrics import Metric, Rate, mean


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (50, 100, 0.404, 0.596), (90, 200, 0.383, 0.519)],
)
def test_intervals_are_wilsons(successes, trials, low, high):
    rate = Rate.of([True] * successes + [False] * (trials - successes))
    assert (rate.share, rate.count) == (successes / trials, trials)
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-3)


def test_a_rate_of_nothing_says_nothing():
    rate = Rate.of([])
    assert math.isnan(rate.share)
    assert (rate.low, rate.high, rate.count) == (0, 1, 0)


def test_a_mean_is_of_what_is_a_number():
    assert mean([1.0, math.nan, 4.0]) == 2.5
    assert math.isnan(mean([math.nan])) and math.isnan(mean([]))


def test_a_metric_is_of_the_scores_of_its_key_unless_it_says_of_which():
    assert Metric("iou").sources == ("iou",)
    assert Metric("avg", of=("iou", "clip")).sources == ("iou", "clip")
