"""What stands beside the model, and what an ablation switches off, with the tiny real model."""

from __future__ import annotations

import numpy as np
import pytest
from painting import TINY_ADAPTER, TINY_MODEL
from PIL import Image

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.evaluation.benchmark import measured, rows
from contextgen.evaluation.sheet import contact_sheet
from contextgen.evaluation.synthetic.held_out_scenes import held_out_scene
from contextgen.evaluation.systems import ABLATIONS, comparisons, model_systems

SCENES = 3


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=TINY_ADAPTER)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def painted(pipe) -> dict[str, Image.Image]:
    scene = held_out_scene("plain", 0)
    return {answer.name: answer.picture(scene, 0) for answer in model_systems(pipe, "tiny", 2, ABLATIONS)}


def test_each_ablation_changes_the_picture(painted):
    assert set(painted) == {"tiny", *ABLATIONS}
    assert len({picture.tobytes() for picture in painted.values()}) == len(painted)


def test_a_pipeline_is_as_before_after_an_ablation(pipe, painted):
    card, scene = pipe.card, held_out_scene("plain", 0)
    whole, *ablated = model_systems(pipe, "tiny", 2, ABLATIONS)
    for answer in ablated:
        answer.picture(scene, 0)
    assert pipe.card == card
    assert whole.picture(scene, 0).tobytes() == painted["tiny"].tobytes()


def test_an_unknown_ablation_is_refused(pipe):
    with pytest.raises(ValueError, match="use one of no-ica"):
        model_systems(pipe, "tiny", 2, ["no-luck"])


def test_what_stands_beside_the_model_scores_as_it_should(pipe):
    found = rows([one.result for one in measured(comparisons(pipe), ["plain", "absent"], SCENES)])
    by = {(row.level, row.answer): row.averages for row in found}
    assert list(by)[:4] == [("plain", name) for name in ("truth", "codec", "layout", "pasted layout")]
    assert by["plain", "truth"].instance_success.share == 1
    assert by["plain", "layout"].instance_success.share > 0.8 > by["absent", "layout"].instance_success.share
    assert by["plain", "pasted layout"].background.share == 1
    assert by["plain", "pasted layout"].overlap > 0.8 > by["absent", "pasted layout"].overlap
    assert by["plain", "truth"].psnr_boxes > by["plain", "codec"].psnr_boxes
    assert all(averages.seconds is None for averages in by.values())


def test_a_sheet_shows_layout_picture_and_truth():
    scenes = [held_out_scene("plain", number) for number in range(4)]
    sheet = contact_sheet([(scene, Image.new("RGB", (256, 256), "red")) for scene in scenes])
    assert sheet.size == (3 * 784 - 12, 2 * 268 - 12)
    picture, truth = np.asarray(sheet)[:256, 258:514], np.asarray(sheet)[:256, 516:772]
    assert (picture == (255, 0, 0)).all()
    assert (truth == np.asarray(scenes[0].target)).all()
    with pytest.raises(ValueError, match="no scenes"):
        contact_sheet([])
