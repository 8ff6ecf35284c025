"""What makes a job another job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contextgen_cli.batch.plan import (
    EVERYTHING,
    Files,
    JobCost,
    Overrides,
    Plan,
    Portion,
    Recipe,
    Weights,
    job_record,
    plan,
)
from contextgen_cli.errors import SceneError, UsageError
from contextgen_cli.records.record import AdapterWeights
from contextgen_cli.scene.limits import LARGEST_SEED
from contextgen_cli.scene.scene import Box, Fit, PlacedReference, Reference, Sampling, Scene, SceneSource, Size

NUMERICS = {"dtype": "float32", "attention": "exact", "ica": "released"}
RECIPE = Recipe(Weights("m", "0"), (AdapterWeights("a", "1"),), NUMERICS, 28, 3.5)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    for name in ("crab.png", "mask.png", "layout.png", "unused.png"):
        (tmp_path / name).write_bytes(name.encode())
    return Scene(
        name="s",
        prompt="a crab",
        canvas=Size(128, 96),
        references=(
            Reference("crab", tmp_path / "crab.png", tmp_path / "mask.png"),
            Reference("unused", tmp_path / "unused.png"),
        ),
        instances=(PlacedReference("crab", Box(0, 0, 64, 64)),),
    )


def make(scene: Scene, recipe: Recipe = RECIPE, **overrides: object) -> Plan:
    return plan([scene], Overrides(**overrides), lambda scene: recipe, lambda scene: JobCost(1, 1.0, 1))


def identity(scene: Scene, recipe: Recipe = RECIPE, **overrides: object) -> str:
    return make(scene, recipe, **overrides).jobs[0].id


def test_ids_stay_what_they_are(scene):
    """Whoever changes this has every picture of every user rendered again."""
    assert identity(scene) == "87c827a282542f22129956783cc707d1d45e2c9481d06449bf57e4f8b9659bc6"


def test_what_is_read_otherwise_than_once_is_another_job(scene):
    def ids(*readings: str) -> str:
        files = Files(readings_of=lambda scene: readings)
        (job,) = plan([scene], Overrides(), lambda scene: RECIPE, lambda scene: JobCost(1, 1.0, 1), files=files).jobs
        assert job.readings == readings and job_record(job).get("readings", []) == list(readings)
        return job.id

    assert ids() == identity(scene)
    assert (
        len({ids(), ids("converted to sRGB"), ids("turned upright"), ids("converted to sRGB", "turned upright")}) == 4
    )


SCENE_CHANGES = {
    "prompt": lambda s: replace(s, prompt="a bag"),
    "canvas": lambda s: replace(s, canvas=Size(128, 128)),
    "box": lambda s: replace(s, instances=(PlacedReference("crab", Box(0, 0, 64, 65)),)),
    "fit": lambda s: replace(s, instances=(PlacedReference("crab", Box(0, 0, 64, 64), Fit.STRETCH),)),
    "order": lambda s: replace(s, instances=s.instances * 2),
    "steps": lambda s: replace(s, sampling=Sampling(steps=3)),
    "guidance": lambda s: replace(s, sampling=Sampling(guidance=1.0)),
    "seed": lambda s: replace(s, seeds=(4,)),
    "layout": lambda s: replace(s, layout=s.references[0].image.with_name("layout.png")),
    "crop": lambda s: replace(s, references=(replace(s.references[0], crop=Box(0, 0, 9, 9)),)),
    "no mask": lambda s: replace(s, references=(replace(s.references[0], mask=None),)),
}
RECIPE_CHANGES = {
    "model": {"model": Weights("m", "9")},
    "adapter": {"adapters": (AdapterWeights("a", "9"),)},
    "scale": {"adapters": (AdapterWeights("a", "1", 0.5),)},
    "strength": {"adapters": (AdapterWeights("a", "1", strength="f00d"),)},
    "two adapters": {"adapters": (AdapterWeights("a", "1"), AdapterWeights("b", "2"))},
    "no adapter": {"adapters": ()},
    "dtype": {"numerics": {**NUMERICS, "dtype": "bfloat16"}},
    "attention": {"numerics": {**NUMERICS, "attention": "masked"}},
    "ica": {"numerics": {**NUMERICS, "ica": "paper"}},
    "what is not exact": {"numerics": {**NUMERICS, "approximations": "quantize=int8"}},
    "what rounds otherwise": {"numerics": {**NUMERICS, "compiled": True}},
}
NAME_CHANGES = {
    "scene name": lambda s: replace(s, name="other"),
    "source": lambda s: replace(s, source=SceneSource(Path("/elsewhere.yaml"))),
    "unused reference": lambda s: replace(s, references=s.references[:1]),
    "default said aloud": lambda s: replace(s, sampling=Sampling(28, 3.5)),
}


@pytest.mark.parametrize("change", SCENE_CHANGES.values(), ids=SCENE_CHANGES)
def test_what_changes_the_pixels_changes_the_job(scene, change):
    assert identity(change(scene)) != identity(scene)


@pytest.mark.parametrize("change", RECIPE_CHANGES.values(), ids=RECIPE_CHANGES)
def test_another_recipe_is_another_job(scene, change):
    assert identity(scene, replace(RECIPE, **change)) != identity(scene)


@pytest.mark.parametrize("change", NAME_CHANGES.values(), ids=NAME_CHANGES)
def test_a_name_changes_nothing(scene, change):
    assert identity(change(scene)) == identity(scene)


@pytest.mark.parametrize("name", ["crab.png", "mask.png"])
def test_the_bytes_of_an_image_count(scene, tmp_path, name):
    before = identity(scene)
    (tmp_path / name).write_bytes(b"other bytes")
    assert identity(scene) != before


def test_a_model_by_another_name_is_the_same_model(scene):
    assert identity(scene, replace(RECIPE, model=Weights("other", "0"))) == identity(scene)


def test_the_user_beats_the_scene_and_the_scene_the_model(scene):
    assert make(scene).jobs[0].scene.sampling == Sampling(28, 3.5)
    stated = replace(scene, sampling=Sampling(5, None))
    assert make(stated).jobs[0].scene.sampling == Sampling(5, 3.5)
    assert make(stated, steps=6, guidance=0.0).jobs[0].scene.sampling == Sampling(6, 0.0)
    assert make(replace(scene, sampling=Sampling(5, 2.0)), guidance=0.0).jobs[0].scene.sampling == Sampling(5, 0.0)


@pytest.mark.parametrize("shards", [2, 3, 4])
def test_all_shards_together_have_every_job_of_all_scenes_once(scene, shards):
    scenes = [replace(scene, name=str(count), prompt=str(count), seeds=tuple(range(count))) for count in (3, 1, 2, 5)]

    def names(portion: Portion) -> list[str]:
        jobs = plan(scenes, Overrides(), lambda scene: RECIPE, lambda scene: JobCost(1, 1.0, 1), portion).jobs
        return [job.name for job in jobs]

    whole = names(EVERYTHING)
    for shard in range(1, shards + 1):
        assert names(Portion(shard, shards)) == whole[shard - 1 :: shards]
        assert names(Portion(shard, shards, limit=2)) == whole[shard - 1 :: shards][:2]


def test_size_scales_boxes(scene):
    (job,) = make(scene, size=Size(256, 96)).jobs
    assert job.scene.instances[0].box == Box(0, 0, 128, 64)


def test_a_vanished_image_is_named(scene, tmp_path):
    (tmp_path / "crab.png").unlink()
    with pytest.raises(SceneError, match=r"crab\.png"):
        make(scene)


def test_counting_stops_at_the_largest_seed(scene):
    assert make(scene, seeds=(LARGEST_SEED - 1,), count=2).jobs[-1].seed == LARGEST_SEED
    with pytest.raises(UsageError, match="the last of 2 seeds"):
        make(scene, seeds=(LARGEST_SEED,), count=2)


def test_a_box_that_size_shrinks_to_nothing_is_refused(scene):
    small = replace(scene, instances=(replace(scene.instances[0], box=Box(0, 0, 2, 2)),))
    with pytest.raises(UsageError, match="shrinks to nothing"):
        make(small, size=Size(64, 16))


def test_a_box_that_size_makes_larger_than_any_canvas_is_refused(scene):
    wide = replace(scene, instances=(replace(scene.instances[0], box=Box(-900, 0, 900, 600)),))
    with pytest.raises(UsageError, match="gets too large"):
        make(wide, size=Size(4096, 4096))
