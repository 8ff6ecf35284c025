"""`contextgen_cli.api`: scenes from files for the pipeline, pictures that the command line knows."""

from __future__ import annotations

import json
import warnings

import pytest
from painting import TINY_ADAPTER, TINY_MODEL, write_scene
from PIL import Image

from contextgen import ContextGenPipeline
from contextgen_cli.api import SceneWarning, load_scene, load_scenes, save_picture
from contextgen_cli.errors import SceneError, UsageError


@pytest.fixture(scope="module")
def pipe() -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=TINY_ADAPTER)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def short(tmp_path):
    """A scene of one step."""
    return write_scene(tmp_path / "picnic.yaml", sampling={"steps": 1}, seeds=[3, 4])


def test_a_scene_is_what_the_pipeline_takes(short):
    scene = load_scene(short)
    assert (scene.name, scene.size, scene.seeds) == ("picnic", (128, 96), (3, 4))
    assert scene.prompt == "a crab is holding a bag"
    arguments = scene.arguments()
    assert [each.box for each in arguments["instances"]] == [(8, 16, 64, 80), (64, 24, 120, 84)]
    assert (arguments["seed"], arguments["num_inference_steps"], arguments["guidance_scale"]) == (3, 1, None)
    assert scene.arguments(seed=9)["seed"] == 9


def test_a_saved_picture_is_the_one_that_render_makes(pipe, short, contextgen, tiny, tmp_path):
    """Byte for byte; so render knows it as done, inspect shows it, and replay paints it again."""
    scene = load_scene(short)
    out = tmp_path / "out"
    for seed in scene.seeds:
        save_picture(
            pipe(**scene.arguments(seed)).images[0], out / f"picnic-{seed}.png", scene, pipe, seed=seed
        )  # fmt: skip
    rendered = contextgen("render", short, *tiny, "-o", tmp_path / "rendered")
    assert rendered.code == 0
    for seed in scene.seeds:
        name = f"picnic-{seed}.png"
        assert (out / name).read_bytes() == (tmp_path / "rendered" / name).read_bytes()
    assert "2 skipped" in contextgen("render", short, *tiny, "-o", out).err
    assert "seed:     4" in contextgen("inspect", out / "picnic-4.png").out
    _, model, _, adapter, *_ = tiny
    again = contextgen("replay", out / "picnic-3.png", "--model", model, "--adapter", adapter, "-o", tmp_path / "again")
    assert (again.code, "the same bytes" in again.out) == (0, True)


def test_another_picture_is_replaced_only_if_asked(pipe, short, tmp_path):
    scene = load_scene(short)
    picture, place = Image.new("RGB", scene.size), tmp_path / "a.png"
    save_picture(picture, place, scene, pipe)
    save_picture(picture, place, scene, pipe)
    with pytest.raises(UsageError, match="holds another picture"):
        save_picture(picture, place, scene, pipe, seed=9)
    assert save_picture(picture, str(place), scene, pipe, seed=9, replace=True) == place


@pytest.mark.parametrize(("name", "size"), [("a.jpg", (128, 96)), ("folder", (128, 96)), ("a.png", (64, 64))])
def test_what_is_no_picture_of_the_scene_is_refused(name, size, pipe, short, tmp_path):
    with pytest.raises(UsageError):
        save_picture(Image.new("RGB", size), tmp_path / name, load_scene(short), pipe)
    assert not (tmp_path / name).exists()


def test_a_pipeline_of_unknown_weights_is_refused(pipe, short, tmp_path):
    made = ContextGenPipeline(**pipe.components)
    with pytest.raises(UsageError, match="which weights"):
        save_picture(Image.new("RGB", (128, 96)), tmp_path / "a.png", load_scene(short), made)


def test_every_problem_of_a_scene_is_told_with_its_place(tmp_path):
    path = write_scene(tmp_path / "wrong.yaml", prmpt="x", seeds=[-1])
    with pytest.raises(SceneError) as caught:
        load_scene(path)
    for words in ("wrong.yaml:", "prmpt", "did you mean", "seeds"):
        assert words in str(caught.value)


def test_what_is_probably_not_meant_is_warned_of(tmp_path):
    box = {"x": 100, "y": 16, "width": 56, "height": 64}
    path = write_scene(tmp_path / "odd.yaml", instances=[{"reference": name, "box": box} for name in ("bag", "crab")])
    with pytest.warns(SceneWarning, match="sticks out of the canvas") as warned:
        load_scene(path)
    assert warned[0].filename == __file__


def test_several_scenes_are_loaded_by_their_own_name(short, tmp_path):
    both = tmp_path / "both.yaml"
    one = json.loads(short.read_text())
    both.write_text("\n---\n".join(f"# {name}\n{json.dumps({**one, 'name': name})}" for name in "ab"))
    with pytest.raises(SceneError, match="holds 2 scenes") as caught:
        load_scene(both)
    assert "load_scenes" in caught.value.hint
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [scene.prompt for scene in load_scenes(both)] == ["a crab is holding a bag"] * 2


def test_a_scene_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SceneError, match="no such file"):
        load_scene(tmp_path / "none.yaml")
