"""The benchmark of held-out objects: are they recognised, in their form and place, before the background asked for?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation.benchmark import Row, Scores
from contextgen.evaluation.cases import Case
from contextgen.evaluation.extent import BenchmarkExtent
from contextgen.evaluation.metrics import Metric, Rate
from contextgen.evaluation.sheet import contact_sheet
from contextgen.evaluation.synthetic.comparisons import comparisons, layout_of, on_grey
from contextgen.evaluation.synthetic.held_out_scenes import held_out_scene
from contextgen.evaluation.synthetic.listing import SYNTHETIC
from contextgen.evaluation.synthetic.scene_metrics import Ruler
from contextgen.evaluation.systems import System


@dataclass(frozen=True)
class SyntheticCase(Case):
    """A scene of the benchmark, with all that is known of it."""

    scene: SyntheticScene

    @classmethod
    def of(cls, level: str, number: int) -> SyntheticCase:
        """Scene `number` of a level; the number seeds the noise."""
        scene = held_out_scene(level, number)
        name, size = f"{level} {number}", scene.target.size
        return cls(name, (level,), scene.prompt, scene.instances, scene.layout, size, number, scene)

    @cached_property
    def ruler(self) -> Ruler:
        """What every picture of the scene is measured by."""
        return Ruler(self.scene)


class SyntheticBenchmark:
    """The first scenes of each level. Implements `contextgen.evaluation.benchmark.Benchmark`."""

    name = SYNTHETIC.name
    metrics = (
        Metric("scenes", higher_is_better=None, aggregate=sum),
        Metric("hidden", higher_is_better=None, aggregate=sum),
        Metric("instance_success", "I-SR", "%", aggregate=Rate.of),
        Metric("scene_success", "SR", "%", aggregate=Rate.of),
        Metric("overlap", "mIoU", digits=3),
        Metric("background", "ground", "%", aggregate=Rate.of),
        Metric("psnr_boxes", "PSNR in/out", "dB", digits=1),
        Metric("psnr_outside", "PSNR in/out", "dB", digits=1),
        Metric("ssim_boxes", "SSIM in/out"),
        Metric("ssim_outside", "SSIM in/out"),
    )

    def __init__(self, extent: BenchmarkExtent) -> None:
        self._extent = extent

    @property
    def count(self) -> int:
        """Scenes of all levels."""
        return len(self._extent.levels) * self._extent.scenes

    def cases(self) -> Iterator[SyntheticCase]:
        """The scenes, level by level."""
        return (
            SyntheticCase.of(level, number) for level in self._extent.levels for number in range(self._extent.scenes)
        )

    def measure(self, case: SyntheticCase, picture: Image.Image) -> Scores:
        """Compare a picture of a scene with the truth.

        Raises:
            ValueError: it is not of the truth's size.
        """
        found = case.ruler.measure(np.asarray(picture))
        return {
            "scenes": [1],
            "hidden": [found.hidden],
            "instance_success": found.hits,
            "scene_success": [all(found.hits)] if found.hits else [],  # where no instance is asked for
            "overlap": found.overlaps,
            "background": [found.background[0] == found.background[1]],
            "psnr_boxes": [found.psnr_boxes],
            "psnr_outside": [found.psnr_outside],
            "ssim_boxes": [found.ssim_boxes],
            "ssim_outside": [found.ssim_outside],
        }

    def comparisons(self, pipe: Any) -> list[System[SyntheticCase]]:
        """Truth, codec, layout, and the layout pasted on its background."""

        def system(name: str, of: Callable[[SyntheticScene], Image.Image]) -> System[SyntheticCase]:
            return System(name, lambda case: of(case.scene))

        return [system(name, of) for name, of in comparisons(pipe).items()]

    def heading(self, row: Row) -> str:
        """How many scenes a level has, and objects in them."""
        scenes, hidden, found = (row.values[key] for key in ("scenes", "hidden", "instance_success"))
        assert isinstance(found, Rate)
        return f"{row.group}: {scenes} scenes, {found.count} objects and {hidden} too hidden to ask for"

    def sheet(self, shown: Sequence[tuple[SyntheticCase, Image.Image]]) -> Image.Image:
        """Layout | picture | truth."""
        return contact_sheet([(on_grey(layout_of(case.scene)), picture, case.scene.target) for case, picture in shown])
