"""Synthetic scenes: what is said of a scene is what its picture shows."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.hints import DRAWING_CARD, layout_image
from contextgen.data.objects import objects
from contextgen.data.posing import NO_TINT
from contextgen.data.synthetic_scenes import LEVELS, draw
from contextgen.method.layout import compose, prepare_reference


def scenes(level, number=8, count=3, hints=None):
    hints = hints or {"plain": 1.0}
    return [
        draw(np.random.default_rng([9, k]), level, (192, 160), count, objects("train"), hints) for k in range(number)
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_a_scene_is_complete(level):
    for scene in scenes(level):
        assert scene.target.size == (192, 160)
        assert scene.background_pixels.shape == (160, 192, 3)
        assert len(scene.instances) == len(scene.names) == len(scene.poses) == len(scene.hints) == 3
        assert scene.full_masks.shape == scene.visible_masks.shape == (3, 160, 192)
        assert scene.layout is None
        assert scene.variant.phrase in scene.prompt.lower()
        assert all(name in scene.prompt for name in scene.names)


@pytest.mark.parametrize("level", LEVELS)
def test_boxes_are_the_tight_boxes_of_the_masks(level):
    for scene in scenes(level):
        for mask, instance in zip(scene.full_masks, scene.instances, strict=True):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert instance.box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def test_what_stands_in_front_hides_what_is_behind():
    for scene in scenes("complex", count=6):
        assert (scene.visible_masks.sum(0) <= 1).all()
        assert (scene.visible_masks.any(0) == scene.full_masks.any(0)).all()
        assert (scene.visible_masks[-1] == scene.full_masks[-1]).all()
        assert scene.visible_masks.any((1, 2)).all()


def test_the_layout_of_a_plain_scene_is_its_target_without_background():
    for scene in scenes("plain"):
        references = [prepare_reference(each, DRAWING_CARD, 192, 160) for each in scene.instances]
        layout = compose(references, scene.instances, 192, 160)
        truth = np.asarray(scene.target, np.float32) / 127.5 - 1
        both = layout.given & scene.full_masks.any(0)
        assert both.sum() > 0.93 * scene.full_masks.any(0).sum()
        assert np.median(abs(layout.pixels - truth)[both]) < 0.05


def test_targets_differ_from_the_background_at_the_objects_and_their_shadows_only():
    for scene in scenes("plain", count=1):
        changed = (np.asarray(scene.target) != scene.background_pixels).any(-1)
        assert changed[scene.full_masks[0]].mean() > 0.9
        left, top, right, bottom = scene.instances[0].box
        far = np.ones_like(changed)
        far[max(0, top - 6) : bottom + 40, max(0, left - right + left) : right + right - left] = False
        assert not changed[far].any()


@pytest.mark.parametrize(("level", "turned", "tinted"), [("plain", False, False), ("flexible", True, True)])
def test_looks_depart_from_the_reference_as_the_level_says(level, turned, tinted):
    poses = [pose for scene in scenes(level, number=16) for pose in scene.poses]
    assert any(pose.flip for pose in poses) is turned
    assert any(pose.degrees == 180 for pose in poses) is turned
    assert any(pose.tint != NO_TINT for pose in poses) is tinted


def test_what_departs_is_named_in_the_caption():
    for scene in scenes("flexible", number=16):
        for pose in scene.poses:
            said = [words for words in pose.words if words in scene.prompt or words.replace(" ", "-") in scene.prompt]
            assert bool(said) is bool(pose.words)
        lit = scene.poses[0].tint != NO_TINT
        assert (scene.variant.light.words in scene.prompt) is lit


def test_a_complex_scene_tilts_and_squashes():
    poses = [pose for scene in scenes("complex", count=6) for pose in scene.poses]
    assert max(abs(pose.degrees) for pose in poses) > 15
    assert max(abs(pose.degrees) for pose in poses) <= 30
    assert min(pose.squash for pose in poses) < 0.9


def test_hints_say_what_the_layout_shows():
    shares = {"blurred": 1, "silhouette": 1, "absent": 1}
    for scene in scenes("plain", hints=shares):
        pixels = np.asarray(scene.layout)
        for hint, mask in zip(scene.hints, scene.visible_masks, strict=True):
            given = pixels[mask][:, 3] > 127
            colours = pixels[mask][given][:, :3]
            if hint == "absent":
                assert given.mean() < 0.2
            elif hint == "silhouette":
                assert given.mean() > 0.8
                assert (colours.max(-1) == colours.min(-1)).mean() > 0.8
            else:
                assert given.mean() > 0.6


def test_a_blur_hides_detail():
    scene = scenes("plain", number=1)[0]
    blurred = np.asarray(layout_image(np.random.default_rng(0), scene.instances, ["blurred"] * 3, 192, 160), float)
    target = np.asarray(scene.target, float)
    inside = scene.visible_masks.any(0)[:, 1:] & scene.visible_masks.any(0)[:, :-1] & (blurred[:, 1:, 3] > 0)

    def detail(pixels):
        return abs(np.diff(pixels[..., :3], axis=1))[inside].mean()

    assert detail(blurred) < 0.75 * detail(target)


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="unknown level 'hard': use one of plain"):
        scenes("hard")
