"""What can be said of the models that have a name while none is opened and no network is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from painters import job
from painting import TINY_MODEL

from contextgen.backends.flux_kontext.backend import read_model_card
from contextgen.method.method_card import ModelCard
from contextgen.weights.checkpoints import ALIASES, DEFAULT, find
from contextgen.weights.model_folder import folder_bytes
from contextgen_cli.errors import SceneError, WeightsError
from contextgen_cli.models.catalogue import alias_of, aliases, backend_for, known_models, limits, missing, model_limits
from contextgen_cli.scene.scene import Scene, SceneSource


def scene(**changes: object) -> Scene:
    return replace(job("picnic").scene, **changes)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def test_the_embedded_model_is_here_with_its_size_and_its_canvas() -> None:
    known = {model.name: model for model in known_models()}
    assert tuple(known) == aliases()
    mini, folder = known[DEFAULT], find(DEFAULT, offline=True)
    card = read_model_card(folder)
    assert mini.missing is None
    assert (mini.size, mini.steps) == (folder_bytes(folder), card.steps)
    assert mini.canvas is not None and mini.canvas.startswith(f"{card.width}x{card.height} px")


def test_a_model_that_is_not_here_is_known_by_its_alias_and_the_released_values() -> None:
    kontext = next(model for model in known_models() if model.name == "kontext")
    assert kontext.missing == "not in the hub cache"
    assert kontext.adapter == "ruihangxu/ContextGen" and kontext.size == ALIASES["kontext"].size
    assert (kontext.canvas, kontext.steps) == ("768x768 px", ModelCard().steps)


def test_a_broken_embedded_model_has_neither_size_nor_canvas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALIASES, DEFAULT, replace(ALIASES[DEFAULT], name="gone"))  # found in a folder of its name
    broken = next(model for model in known_models() if model.name == "gone")
    assert broken.missing is not None and "model_index.json is missing" in broken.missing
    assert (broken.size, broken.canvas, broken.steps) == (None, None, None)


def test_what_keeps_a_model_from_loading() -> None:
    assert missing(str(TINY_MODEL)) is None
    assert missing("someone/model") == "not in the hub cache"
    assert "nonsense" in str(missing("nonsense"))


def test_a_scene_has_the_model_that_it_names_or_the_embedded_one() -> None:
    assert alias_of(scene()).name == DEFAULT
    assert alias_of(scene(model="kontext")).name == "kontext"


@pytest.mark.parametrize(("path", "place"), [(Path("a/picnic.yaml"), "a/picnic.yaml"), (None, "<stdin>")])
def test_a_name_that_no_model_has_is_told_with_its_place_and_all_names(path, place) -> None:
    with pytest.raises(SceneError, match=f"{place}: model: no alias 'kontxt'") as caught:
        alias_of(scene(model="kontxt", source=SceneSource(path)))
    assert all(name in str(caught.value.hint) for name in aliases())


def test_a_card_is_the_named_models_else_the_scenes_else_the_defaults() -> None:
    tiny = read_model_card(TINY_MODEL)
    assert backend_for(scene(model="kontext"), str(TINY_MODEL)).card == tiny
    assert backend_for(scene(model="kontext"), None).card == ModelCard()
    assert backend_for(scene(), None).card == read_model_card(find(DEFAULT, offline=True))
    with pytest.raises(WeightsError, match="nonsense"):
        backend_for(scene(), "nonsense")


def test_what_a_scene_may_ask_is_said_by_the_model_at_hand() -> None:
    tiny = read_model_card(TINY_MODEL)
    named, embedded = model_limits(str(TINY_MODEL), "kontext"), model_limits(None, None)
    assert named is not None and embedded is not None
    assert (named.name, embedded.name) == (TINY_MODEL.name, DEFAULT)
    assert named.canvas_multiple == tiny.token_side
    assert named.read_prompt is not None and (read := named.read_prompt("a crab")) is not None
    assert read.most == tiny.text_length
    assert (absent := model_limits(None, "kontext")) is not None and absent.read_prompt is not None
    assert absent.read_prompt("a crab") is None, "its tokenizer is not here"
    assert model_limits("nonsense", None) is None, "which is said where the model is opened"


def test_limits_in_words() -> None:
    assert limits(ModelCard()) == []
    card = replace(ModelCard(), smallest_side=96, largest_side=192, largest_aspect=1.5)
    assert limits(card) == ["sides from 96 px", "sides to 192 px", "shapes to 1.5:1"]
