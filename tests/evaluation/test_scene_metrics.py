"""Each metric tells good pictures from bad ones: of the truth and of what is done to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from contextgen.data.scenery.backgrounds import BACKGROUNDS
from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation.synthetic.held_out_scenes import held_out_scene
from contextgen.evaluation.synthetic.scene_metrics import LEAST_VISIBLE, Ruler, SceneMetrics, asked_for

ALONE = next(number for number in range(99) if len(held_out_scene("plain", number).names) == 1)
CROWD = next(number for number in range(99) if len(held_out_scene("plain", number).names) > 2)


def pixels(scene: SyntheticScene) -> np.ndarray:
    return np.array(scene.target)


def measure(scene: SyntheticScene, picture: np.ndarray) -> SceneMetrics:
    return Ruler(scene).measure(picture)


@pytest.fixture(scope="module")
def alone() -> SyntheticScene:
    return held_out_scene("plain", ALONE)


def test_a_picture_of_another_size_is_refused(alone):
    with pytest.raises(ValueError, match="the picture is"):
        measure(alone, np.zeros((128, 256, 3), np.uint8))


def test_a_slightly_blurred_or_shifted_object_is_still_recognised(alone):
    blurred = np.asarray(alone.target.filter(ImageFilter.GaussianBlur(1.5)))
    shifted = np.roll(pixels(alone), (1, 1), (0, 1))
    assert [measure(alone, picture).hits for picture in (blurred, shifted)] == [(True,), (True,)]


def test_another_object_in_its_place_is_recognised_as_that(alone):
    other = held_out_scene("plain", CROWD)
    left, top, right, bottom = alone.instances[0].box
    reference = other.instances[-1].image
    reference = reference.crop(reference.getchannel("A").getbbox()).resize((right - left, bottom - top))
    picture = Image.fromarray(alone.background_pixels)
    picture.paste(reference, (left, top), reference)
    figures = measure(alone, np.asarray(picture))
    assert figures.found == ((alone.names[0], other.names[-1]),)
    assert figures.hits == (False,)


def test_an_object_painted_elsewhere_is_not_found(alone):
    left, top, right, bottom = alone.instances[0].box
    far = (128 if left + right < 256 else -128, 128 if top + bottom < 256 else -128)
    figures = measure(alone, np.roll(pixels(alone), far, (1, 0)))
    assert figures.hits == (False,)
    assert figures.overlaps[0] < 0.5


def test_objects_that_are_mostly_hidden_are_not_asked_for():
    crowd = held_out_scene("plain", CROWD)
    visible = crowd.full_masks.copy()
    for index, share in ((0, LEAST_VISIBLE - 0.05), (1, LEAST_VISIBLE + 0.05)):
        seen = np.flatnonzero(visible[index])
        visible[index].reshape(-1)[seen[int(share * len(seen)) :]] = False
    hiding = replace(crowd, visible_masks=visible)
    assert asked_for(hiding) == tuple(range(1, len(crowd.names)))
    figures = measure(hiding, pixels(hiding))
    assert figures.hidden == 1
    assert [name for name, _ in figures.found] == list(crowd.names[1:])
    assert len(figures.overlaps) == len(crowd.names) - 1


def test_every_look_of_every_background_is_recognised_when_drawn_anew(alone):
    empty = [
        (ground, ground.paint(np.random.default_rng(7), 256, 256, look))
        for ground in BACKGROUNDS
        for look in ground.variants
    ]
    ruler = Ruler(alone)
    found = [(ground.name, ruler.measure(picture).background[1]) for ground, picture in empty]
    assert sum(name == nearest for name, nearest in found) >= 0.95 * len(found)


def test_blur_and_recolouring_cost_likeness(alone):
    clear = measure(alone, pixels(alone))
    blurred = measure(alone, np.asarray(alone.target.filter(ImageFilter.GaussianBlur(3))))
    recoloured = measure(alone, pixels(alone)[..., ::-1])
    assert max(blurred.ssim_boxes, recoloured.ssim_boxes) < clear.ssim_boxes
    assert max(blurred.psnr_boxes, recoloured.psnr_boxes) < 40
