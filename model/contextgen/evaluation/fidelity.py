"""How near a picture is to the truth, pixel by pixel: signal to noise, structural similarity (Wang et al., 2004)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from contextgen.method.layout import Mask

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)
Array = npt.NDArray[np.float32]

IDENTICAL = 100.0  # dB: what a picture without any error counts as
_PEAK = 255.0
_RADIUS, _SIGMA = 5, 1.5  # a Gaussian of 11 x 11
_LUMA = np.asarray((0.299, 0.587, 0.114), np.float32)


def psnr(picture: Pixels, truth: Pixels, where: Mask) -> float:
    """Peak signal to noise ratio in dB over the pixels of `where`, at most IDENTICAL; nan where there are none."""
    if not where.any():
        return math.nan
    error = float(np.mean((picture[where].astype(np.float32) - truth[where]) ** 2))
    return min(IDENTICAL, 10 * math.log10(_PEAK**2 / error)) if error else IDENTICAL


def ssim(picture: Pixels, truth: Pixels) -> Array:
    """Structural similarity of the luminance at every pixel, (H, W): 1 is equality; borders are mirrored."""
    x: Array = picture.astype(np.float32) @ _LUMA
    y: Array = truth.astype(np.float32) @ _LUMA
    mean_x, mean_y = _smooth(x), _smooth(y)
    variance_x = _smooth(x * x) - mean_x**2
    variance_y = _smooth(y * y) - mean_y**2
    covariance = _smooth(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
    means = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return np.asarray(means * (2 * covariance + c2) / (variance_x + variance_y + c2), np.float32)


def average(values: Array, where: Mask) -> float:
    """The mean over the pixels of `where`; nan where there are none."""
    return float(values[where].mean()) if where.any() else math.nan


def _smooth(image: Array) -> Array:
    taps = np.exp(-(np.arange(-_RADIUS, _RADIUS + 1) ** 2) / (2 * _SIGMA**2)).astype(np.float32)
    taps /= taps.sum()
    height, width = image.shape
    padded = np.pad(image, _RADIUS, mode="reflect")
    rows = sum(tap * padded[k : k + height] for k, tap in enumerate(taps))
    return np.asarray(sum(tap * rows[:, k : k + width] for k, tap in enumerate(taps)), np.float32)
