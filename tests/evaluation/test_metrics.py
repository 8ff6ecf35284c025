"""Each figure tells good pictures from bad ones: of the truth and of what is done to it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from contextgen.data.objects import is_held_out, objects
from contextgen.data.posing import Pose, cut_out
from contextgen.data.scenery.backgrounds import BACKGROUNDS
from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation import fidelity
from contextgen.evaluation.metrics import AggregateMetrics, Rate
from contextgen.evaluation.synthetic import identity
from contextgen.evaluation.synthetic.held_out_scenes import HINTED, LEVELS, held_out_scene
from contextgen.evaluation.synthetic.mask_iou import intersection_over_union
from contextgen.evaluation.synthetic.scene_metrics import LEAST_VISIBLE, Ruler, SceneMetrics, asked_for

FEW = 6
ALONE = next(number for number in range(99) if len(held_out_scene("plain", number).names) == 1)
CROWD = next(number for number in range(99) if len(held_out_scene("plain", number).names) > 2)


def pixels(scene: SyntheticScene) -> np.ndarray:
    return np.array(scene.target)


def measure(scene: SyntheticScene, picture: np.ndarray) -> SceneMetrics:
    return Ruler(scene).measure(picture)


def averages(pictures: list[np.ndarray], scenes: list[SyntheticScene]) -> AggregateMetrics:
    return AggregateMetrics.of([measure(scene, picture) for scene, picture in zip(scenes, pictures, strict=True)])


@pytest.fixture(scope="module")
def alone() -> SyntheticScene:
    return held_out_scene("plain", ALONE)


# The scenes


@pytest.mark.parametrize("level", LEVELS)
def test_only_objects_that_no_training_sees_occur(level):
    assert all(is_held_out(name) for number in range(FEW) for name in held_out_scene(level, number).names)


@pytest.mark.parametrize("level", LEVELS)
def test_a_scene_is_the_same_every_time(level):
    first, second = (held_out_scene(level, 3) for _ in range(2))
    assert (first.prompt, first.names, first.hints) == (second.prompt, second.names, second.hints)
    assert first.target.tobytes() == second.target.tobytes()
    assert first.layout is second.layout is None or first.layout.tobytes() == second.layout.tobytes()


@pytest.mark.parametrize("level", HINTED)
def test_hinted_scenes_are_the_plain_ones_but_for_the_layout(level):
    plain, hinted = held_out_scene("plain", CROWD), held_out_scene(level, CROWD)
    assert (hinted.prompt, hinted.names) == (plain.prompt, plain.names)
    assert hinted.target.tobytes() == plain.target.tobytes()
    assert set(hinted.hints) == {level}
    shown = np.asarray(hinted.layout.getchannel("A")) > 0
    assert shown.any() == (level != "absent")


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="use one of plain"):
        held_out_scene("easy", 0)


# All figures together


@pytest.mark.parametrize("level", ["plain", "complex", "flexible"])
def test_the_truth_scores_near_a_hundred_per_cent(level):
    scenes = [held_out_scene(level, number) for number in range(FEW)]
    found = averages([pixels(scene) for scene in scenes], scenes)
    assert found.instance_success.share == found.scene_success.share == found.background.share == 1
    assert found.overlap > 0.85
    assert (found.psnr_boxes, found.psnr_outside) == (fidelity.IDENTICAL, fidelity.IDENTICAL)
    assert found.ssim_boxes == pytest.approx(1, abs=1e-4)


def test_noise_scores_nothing():
    scenes = [held_out_scene("plain", number) for number in range(FEW)]
    rng = np.random.default_rng(0)
    found = averages([rng.integers(0, 256, (256, 256, 3)).astype(np.uint8) for _ in scenes], scenes)
    assert found.instance_success.share < 0.2
    assert found.scene_success.share == 0
    assert found.background.share < 0.5
    assert found.ssim_boxes < 0.2


def test_an_empty_background_has_no_objects():
    scenes = [held_out_scene("plain", number) for number in range(FEW)]
    found = averages([scene.background_pixels for scene in scenes], scenes)
    assert found.overlap < 0.05
    assert found.instance_success.share < 0.2
    assert found.background.share == 1


def test_a_picture_of_another_size_is_refused(alone):
    with pytest.raises(ValueError, match="the picture is"):
        measure(alone, np.zeros((128, 256, 3), np.uint8))


# Identity


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


@pytest.mark.parametrize(
    "pose", [Pose(flip=True), Pose(degrees=180), Pose(degrees=25), Pose(squash=0.75), Pose(tint=(0.5, 0.7, 1.0))]
)
def test_a_pose_and_a_light_are_undone_before_objects_are_compared(pose):
    names, free = identity.gallery().names, np.ones((identity.SIDE, identity.SIDE), np.float32)
    for thing in objects("held_out")[:12]:
        cutout = cut_out(thing.picture, pose, 96**2)
        width, height = cutout.size
        canvas = np.full((256, 256, 3), 255, np.float32)
        part = canvas[40 : 40 + height, 60 : 60 + width]
        part += (cutout.colours - part) * cutout.cover[..., None]
        seen = identity.view(canvas.round().astype(np.uint8), thing.name, pose, (60, 40, 60 + width, 40 + height))
        assert identity.distances(seen, free, pose.tint)[names.index(thing.name)] < 45**2, thing.name


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


# Form and place


def test_overlap_of_masks_is_that_of_their_pixels():
    own = np.zeros((40, 40), np.bool_)
    own[10:30, 10:30] = True
    nothing = np.zeros_like(own)
    box = (10, 10, 30, 30)
    assert intersection_over_union(own, own, nothing, box) == 1
    assert intersection_over_union(nothing, own, nothing, box) == 0
    half = own.copy()
    half[:, 20:] = False
    assert intersection_over_union(half, own, nothing, box) == pytest.approx(0.5)
    everywhere = np.ones_like(own)  # looked for two pixels around the box
    assert intersection_over_union(everywhere, own, nothing, box) == pytest.approx(20**2 / 24**2)


def test_what_others_show_is_nobodys_fault():
    own, other = np.zeros((40, 40), np.bool_), np.zeros((40, 40), np.bool_)
    own[10:30, 10:20] = True
    other[10:30, 22:30] = True
    assert intersection_over_union(own | other, own, other, (10, 10, 30, 30)) == 1


def test_clouds_elsewhere_cost_little_overlap():
    """The same objects on the same background drawn anew: nobody can know where its clouds were."""
    scenes = [held_out_scene("plain", number) for number in range(FEW)]
    pictures = []
    for number, scene in enumerate(scenes):
        ground = next(ground for ground in BACKGROUNDS if ground.name == scene.background)
        anew = ground.paint(np.random.default_rng(number), 256, 256, scene.variant)
        pictures.append(np.where(scene.full_masks.any(0)[..., None], pixels(scene), anew))
    truth = averages([pixels(scene) for scene in scenes], scenes)
    assert averages(pictures, scenes).overlap > truth.overlap - 0.08


# Background


def test_every_look_of_every_background_is_recognised_when_drawn_anew(alone):
    empty = [
        (ground, ground.paint(np.random.default_rng(7), 256, 256, look))
        for ground in BACKGROUNDS
        for look in ground.variants
    ]
    ruler = Ruler(alone)
    grounds = [(ground.name, ruler.measure(picture).ground[1]) for ground, picture in empty]
    assert sum(name == nearest for name, nearest in grounds) >= 0.95 * len(grounds)


# Pixels


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


def test_blur_and_recolouring_cost_likeness(alone):
    clear = measure(alone, pixels(alone))
    blurred = measure(alone, np.asarray(alone.target.filter(ImageFilter.GaussianBlur(3))))
    recoloured = measure(alone, pixels(alone)[..., ::-1])
    assert max(blurred.ssim_boxes, recoloured.ssim_boxes) < clear.ssim_boxes
    assert max(blurred.psnr_boxes, recoloured.psnr_boxes) < 40


# AggregateMetrics


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (50, 100, 0.404, 0.596), (90, 200, 0.383, 0.519)],
)
def test_intervals_are_wilsons(successes, trials, low, high):
    rate = Rate.of([True] * successes + [False] * (trials - successes))
    assert (rate.share, rate.count) == (successes / trials, trials)
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-3)


def test_averages_are_over_instances_and_scenes():
    right = SceneMetrics((("a", "a"), ("b", "b")), 0, (1.0, 0.5), ("sea", "sea"), 30, 20, 1, 1)
    half = SceneMetrics((("a", "a"), ("b", "c")), 1, (0.0, 0.1), ("sea", "cave"), 10, 20, 0, 1)
    unasked = SceneMetrics((), 1, (), ("sea", "sea"), 20, math.nan, 0.5, math.nan)
    found = AggregateMetrics.of([right, half, unasked], [1.0, 3.0, 2.0])
    assert (found.instance_success.share, found.instance_success.count) == (0.75, 4)
    assert (found.scene_success.share, found.scene_success.count) == (0.5, 2)
    assert (found.scenes, found.hidden, found.seconds) == (3, 2, 2.0)
    assert found.overlap == pytest.approx(0.4)
    assert (found.psnr_boxes, found.psnr_outside) == (20, 20)


def test_a_rate_of_nothing_says_so():
    nothing = Rate.of([])
    assert math.isnan(nothing.share)
    assert (nothing.low, nothing.high, nothing.count) == (0, 1, 0)
