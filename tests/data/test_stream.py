"""The stream: any batch at any time, and never a held-out object."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.objects import is_held_out, objects
from contextgen.data.stream import HeldOutStream, StreamSpec, SyntheticStream
from contextgen.data.variations import recoloured, textured_shape

MIXED = StreamSpec(
    levels={"plain": 1, "complex": 1, "flexible": 1},
    sizes=((128, 128, 1.0), (192, 128, 1.0)),
    counts=(1, 8),
    hints={"plain": 1, "silhouette": 1},
)


def test_a_batch_depends_on_its_index_alone():
    stream = SyntheticStream(4, MIXED)
    stream.batch(0, 2)
    for first, again in zip(stream.batch(3, 4), SyntheticStream(4, MIXED).batch(3, 4), strict=True):
        assert first.prompt == again.prompt
        assert first.target.tobytes() == again.target.tobytes()
        assert [each.box for each in first.instances] == [each.box for each in again.instances]
        assert (first.layout is None) == (again.layout is None)


def test_seed_and_index_change_it():
    prompts = {SyntheticStream(seed, MIXED).batch(index, 1)[0].prompt for seed in (1, 2) for index in (0, 1)}
    assert len(prompts) == 4


def test_a_batch_has_one_canvas_and_the_stream_has_all():
    sizes = [{example.target.size for example in SyntheticStream(0, MIXED).batch(index, 3)} for index in range(8)]
    assert all(len(each) == 1 for each in sizes)
    assert set.union(*sizes) == {(128, 128), (192, 128)}


def test_no_held_out_object_is_ever_drawn():
    stream = SyntheticStream(0, StreamSpec(levels={"complex": 1}, sizes=((128, 128, 1),), counts=(8, 8)))
    names = {name for index in range(12) for scene in stream.scenes(index, 4) for name in scene.names}
    assert len(names) > 150
    assert not [name for name in names if is_held_out(name) and not name.endswith(" shape")]
    pictures = {thing.picture.tobytes() for thing in objects("held_out")}
    plain = SyntheticStream(1, StreamSpec(sizes=((128, 128, 1),), varied=0))
    shown = {each.image.tobytes() for index in range(15) for one in plain.batch(index, 2) for each in one.instances}
    assert not pictures & shown


def test_the_held_out_stream_draws_nothing_else():
    names = {name for scene in HeldOutStream(0, MIXED).scenes(0, 12) for name in scene.names}
    assert names
    assert all(map(is_held_out, names))


@pytest.mark.parametrize(("level", "most"), [("plain", 6), ("complex", 8), ("flexible", 6)])
def test_counts_stay_within_what_the_level_is_for(level, most):
    spec = StreamSpec(levels={level: 1}, sizes=((256, 256, 1),), counts=(1, 8))
    counts = [len(scene.names) for scene in SyntheticStream(0, spec).scenes(0, 24)]
    assert (min(counts), max(counts)) == (1, most)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"levels": {"hard": 1}}, "unknown 'hard': use one of plain"),
        ({"hints": {"hidden": 1}}, "unknown 'hidden': use one of plain"),
        ({"levels": {}}, "at least one is positive"),
        ({"levels": {"plain": -1}}, "at least one is positive"),
        ({"sizes": ((512, 256, 1.0),)}, "canvas sides are 64 to 384 pixels"),
        ({"counts": (3, 2)}, "the fewest first"),
        ({"counts": (0, 2)}, "counts are from 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        StreamSpec(**wrong)


def test_variations_are_other_pictures_of_the_same_make():
    crab = next(thing for thing in objects("train") if thing.name == "crab")
    other = recoloured(np.random.default_rng(0), crab)
    assert other.name == "crab"
    assert other.picture.getchannel("A").tobytes() == crab.picture.getchannel("A").tobytes()
    assert abs(np.asarray(other.picture, int) - np.asarray(crab.picture, int))[..., :3].mean() > 20
    shapes = [textured_shape(np.random.default_rng(seed)) for seed in range(30)]
    assert len({shape.name for shape in shapes}) > 15
    assert all(min(shape.picture.size) > 20 for shape in shapes)
