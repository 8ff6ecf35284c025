"""What an ablation switches off, with the tiny real model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from painting import TINY_ADAPTER, TINY_MODEL
from PIL import Image

from contextgen import ContextGenPipeline
from contextgen.evaluation.synthetic.synthetic_benchmark import SyntheticCase
from contextgen.evaluation.systems import ABLATIONS, model_systems

CASE = SyntheticCase.of("plain", 0)


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=TINY_ADAPTER)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def painted(pipe) -> dict[str, Image.Image]:
    return {system.name: system.picture(CASE) for system in model_systems(pipe, "tiny", 2, ABLATIONS)}


def test_each_ablation_changes_the_picture(painted):
    assert set(painted) == {"tiny", *ABLATIONS}
    assert len({picture.tobytes() for picture in painted.values()}) == len(painted)


def test_a_pipeline_is_as_before_after_an_ablation(pipe, painted):
    card = pipe.card
    width, height = CASE.size
    asked = {"layout": CASE.layout, "width": width, "height": height, "num_inference_steps": 2, "seed": CASE.seed}
    _, *ablated = model_systems(pipe, "tiny", 2, ABLATIONS)
    for system in ablated:
        system.picture(CASE)
        assert pipe.card == card
        assert pipe(CASE.prompt, instances=CASE.instances, **asked).images[0].tobytes() == painted["tiny"].tobytes()


def test_the_noise_is_the_case_s(pipe, painted):
    (whole,) = model_systems(pipe, "tiny", 2)
    assert whole.picture(replace(CASE, seed=CASE.seed + 1)).tobytes() != painted["tiny"].tobytes()


def test_an_unknown_ablation_is_refused(pipe):
    with pytest.raises(ValueError, match="use one of no-ica"):
        model_systems(pipe, "tiny", 2, ["no-luck"])
