"""Signal to noise and structural similarity by their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contextgen.evaluation import fidelity


def test_psnr_is_by_its_formula():
    truth = np.full((16, 16, 3), 100, np.uint8)
    where = np.ones((16, 16), np.bool_)
    assert fidelity.psnr(truth + np.uint8(10), truth, where) == pytest.approx(20 * math.log10(25.5))
    assert fidelity.psnr(truth, truth, where) == fidelity.IDENTICAL
    assert math.isnan(fidelity.psnr(truth, truth, ~where))


def test_ssim_equals_a_slow_obvious_loop():
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 256, (13, 12, 3)).astype(np.uint8) for _ in range(2))
    weights = np.exp(-((np.arange(11)[:, None] - 5) ** 2 + (np.arange(11)[None] - 5) ** 2) / 4.5)
    weights /= weights.sum()
    a, b = (image[1:12, :11] @ np.array([0.299, 0.587, 0.114]) for image in (x, y))
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    variance_a, variance_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
    covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    expected /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    assert fidelity.ssim(x, y)[6, 5] == pytest.approx(expected, abs=1e-4)
