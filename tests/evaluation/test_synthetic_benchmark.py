"""The benchmark of held-out objects: what pictures of its scenes score, and what stands beside the model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from painting import TINY_ADAPTER, TINY_MODEL
from PIL import Image

from contextgen import ContextGenPipeline
from contextgen.data.scenery.backgrounds import BACKGROUNDS
from contextgen.evaluation import fidelity
from contextgen.evaluation.benchmark import Result, measured, rows
from contextgen.evaluation.extent import BenchmarkExtent
from contextgen.evaluation.synthetic.scene_metrics import SceneMetrics
from contextgen.evaluation.synthetic.synthetic_benchmark import SyntheticBenchmark, SyntheticCase

FEW = 6


def cases_of(level: str, count: int = FEW) -> list[SyntheticCase]:
    return list(SyntheticBenchmark(BenchmarkExtent((level,), count)).cases())


def truths(cases: Sequence[SyntheticCase]) -> list[np.ndarray]:
    return [np.array(case.scene.target) for case in cases]


def aggregated(pictures: Sequence[np.ndarray], cases: Sequence[SyntheticCase]) -> dict:
    """The values of a system with these pictures."""
    benchmark = SyntheticBenchmark(BenchmarkExtent(("plain",), FEW))
    results = [
        Result(case.name, case.groups, "any", benchmark.measure(case, Image.fromarray(picture)))
        for case, picture in zip(cases, pictures, strict=True)
    ]
    (row,) = rows(benchmark.metrics, results)
    return row.values


@pytest.mark.parametrize("level", ["plain", "complex", "flexible"])
def test_the_truth_scores_near_a_hundred_per_cent(level):
    cases = cases_of(level)
    found = aggregated(truths(cases), cases)
    assert {found[key].share for key in ("instance_success", "scene_success", "background")} == {1}
    assert found["overlap"] > 0.85
    assert (found["psnr_boxes"], found["psnr_outside"]) == (fidelity.IDENTICAL, fidelity.IDENTICAL)
    assert found["ssim_boxes"] == pytest.approx(1, abs=1e-4)


def test_noise_scores_nothing():
    cases = cases_of("plain")
    rng = np.random.default_rng(0)
    found = aggregated([rng.integers(0, 256, (256, 256, 3)).astype(np.uint8) for _ in cases], cases)
    assert found["instance_success"].share < 0.2
    assert found["scene_success"].share == 0
    assert found["background"].share < 0.5
    assert found["ssim_boxes"] < 0.2


def test_an_empty_background_has_no_objects():
    cases = cases_of("plain")
    found = aggregated([case.scene.background_pixels for case in cases], cases)
    assert found["overlap"] < 0.05
    assert found["instance_success"].share < 0.2
    assert found["background"].share == 1


def test_clouds_elsewhere_cost_little_overlap():
    """The same objects on the same background drawn anew: nobody can know where its clouds were."""
    cases = cases_of("plain")
    pictures = []
    for number, (case, truth) in enumerate(zip(cases, truths(cases), strict=True)):
        background = next(each for each in BACKGROUNDS if each.name == case.scene.background)
        anew = background.paint(np.random.default_rng(number), 256, 256, case.scene.variant)
        pictures.append(np.where(case.scene.full_masks.any(0)[..., None], truth, anew))
    truth = aggregated(truths(cases), cases)
    assert aggregated(pictures, cases)["overlap"] > truth["overlap"] - 0.08


class Measures:
    """A ruler of given measurements."""

    def __init__(self, found: SceneMetrics) -> None:
        self._found = found

    def measure(self, picture: object) -> SceneMetrics:
        return self._found


def test_scores_are_pooled_over_instances_and_scenes():
    right = SceneMetrics((("a", "a"), ("b", "b")), 0, (1.0, 0.5), ("sea", "sea"), 30, 20, 1, 1)
    half = SceneMetrics((("a", "a"), ("b", "c")), 1, (0.0, 0.1), ("sea", "cave"), 10, 20, 0, 1)
    unasked = SceneMetrics((), 1, (), ("sea", "sea"), 20, math.nan, 0.5, math.nan)
    cases = cases_of("plain", 3)
    for case, found in zip(cases, (right, half, unasked), strict=True):
        case.__dict__["ruler"] = Measures(found)
    found = aggregated(truths(cases), cases)
    assert (found["instance_success"].share, found["instance_success"].count) == (0.75, 4)
    assert (found["scene_success"].share, found["scene_success"].count) == (0.5, 2)
    assert (found["scenes"], found["hidden"]) == (3, 2)
    assert found["overlap"] == pytest.approx(0.4)
    assert (found["psnr_boxes"], found["psnr_outside"]) == (20, 20)


def test_scenes_come_level_by_level_and_their_number_seeds_the_noise():
    benchmark = SyntheticBenchmark(BenchmarkExtent(("plain", "absent"), 2))
    cases = list(benchmark.cases())
    assert [(case.name, case.groups, case.seed) for case in cases] == [
        ("plain 0", ("plain",), 0),
        ("plain 1", ("plain",), 1),
        ("absent 0", ("absent",), 0),
        ("absent 1", ("absent",), 1),
    ]
    assert benchmark.count == 4


def test_what_stands_beside_the_model_scores_as_it_should():
    pipe = ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=TINY_ADAPTER)
    benchmark = SyntheticBenchmark(BenchmarkExtent(("plain", "absent"), 3))
    found = rows(benchmark.metrics, [one.result for one in measured(benchmark, benchmark.comparisons(pipe))])
    by = {(row.group, row.system): row.values for row in found}
    assert list(by)[:4] == [("plain", name) for name in ("truth", "codec", "layout", "pasted layout")]
    assert by["plain", "truth"]["instance_success"].share == 1
    layouts = [by[level, "layout"]["instance_success"].share for level in ("plain", "absent")]
    assert layouts[0] > 0.8 > layouts[1]
    assert by["plain", "pasted layout"]["background"].share == 1
    assert by["plain", "pasted layout"]["overlap"] > 0.8 > by["absent", "pasted layout"]["overlap"]
    assert by["plain", "truth"]["psnr_boxes"] > by["plain", "codec"]["psnr_boxes"]


def test_a_sheet_shows_layout_picture_and_truth():
    cases = cases_of("plain", 2)
    sheet = SyntheticBenchmark(BenchmarkExtent(("plain",), 2)).sheet(
        [(case, Image.new("RGB", (256, 256), "red")) for case in cases]
    )
    picture, truth = np.asarray(sheet)[:256, 258:514], np.asarray(sheet)[:256, 516:772]
    assert (picture == (255, 0, 0)).all()
    assert (truth == np.asarray(cases[0].scene.target)).all()
