"""Many pictures' figures -> averages, with how many they are of and how far chance reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contextgen.evaluation.synthetic.scene_metrics import SceneMetrics

_Z = 1.96  # of the normal distribution: 95 %


@dataclass(frozen=True)
class Rate:
    """A share of successes with its 95 % interval (Wilson, 1927); trials count as independent.

    Attributes:
        share: 0 to 1, nan without trials; low, high: the interval.
        count: trials.
    """

    share: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, successes: Sequence[bool]) -> Rate:
        """The rate of some outcomes."""
        n = len(successes)
        if not n:
            return cls(math.nan, 0.0, 1.0, 0)
        share = sum(successes) / n
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        reach = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        return cls(share, max(0.0, middle - reach), min(1.0, middle + reach), n)


@dataclass(frozen=True)
class AggregateMetrics:
    """What is measured of one answer over the scenes of one level.

    Attributes:
        scenes: how many.
        hidden: instances that were not asked for.
        instance_success: I-SR, of instances; scene_success: SR, of scenes all of whose instances are right.
        overlap: mIoU over instances, 0 to 1.
        background: of scenes.
        psnr_boxes, psnr_outside: mean over scenes, dB.
        ssim_boxes, ssim_outside: mean over scenes.
        seconds: mean of the time a picture took; None for what is not painted.
    """

    scenes: int
    hidden: int
    instance_success: Rate
    scene_success: Rate
    overlap: float
    background: Rate
    psnr_boxes: float
    psnr_outside: float
    ssim_boxes: float
    ssim_outside: float
    seconds: float | None = None

    @classmethod
    def of(cls, figures: Sequence[SceneMetrics], seconds: Sequence[float] = ()) -> AggregateMetrics:
        """The averages over pictures; scenes none of whose instances are asked for have no scene success."""
        return cls(
            scenes=len(figures),
            hidden=sum(one.hidden for one in figures),
            instance_success=Rate.of([hit for one in figures for hit in one.hits]),
            scene_success=Rate.of([all(one.hits) for one in figures if one.hits]),
            overlap=_mean([overlap for one in figures for overlap in one.overlaps]),
            background=Rate.of([one.ground[0] == one.ground[1] for one in figures]),
            psnr_boxes=_mean([one.psnr_boxes for one in figures]),
            psnr_outside=_mean([one.psnr_outside for one in figures]),
            ssim_boxes=_mean([one.ssim_boxes for one in figures]),
            ssim_outside=_mean([one.ssim_outside for one in figures]),
            seconds=_mean(seconds) if seconds else None,
        )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
