"""`contextgen bench calibrate` through the command line, with a copy of the tiny real model."""

from __future__ import annotations

import json
import shutil

import pytest
from painting import TINY_ADAPTER, TINY_MODEL, write_scene

from contextgen.backends.flux_kontext.backend import read_model_card

CARD = """\
{
  "steps": 3,
  "width": 128,
  "height": 96,
  "prompt_template": "schön: {prompt}",
  "guidance": 2.5
}
"""
QUICKLY = ("--scenes", 2, "--device", "cpu", "--progress", "none")


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(TINY_MODEL, folder)
    (folder / "contextgen.json").write_text(CARD, encoding="utf-8")
    return folder


def test_the_card_gets_its_ratios_and_keeps_all_else(contextgen, model):
    result = contextgen("bench", "calibrate", "--model", model, "--adapter", TINY_ADAPTER, *QUICKLY)
    assert result.code == 0, result.err
    card = model / "contextgen.json"
    assert result.lines == [str(card)]
    assert "will be rendered again" in result.err
    text = card.read_text("utf-8")
    assert text.startswith(CARD.removesuffix("\n}\n") + ',\n  "mag_ratios": [')
    ratios = read_model_card(model).mag_ratios
    assert len(ratios) == 3 and ratios[0] == 1
    assert sorted(path.name for path in model.iterdir()) == sorted(
        [*(path.name for path in TINY_MODEL.iterdir()), "contextgen.json"]
    )


def test_what_it_hints_at_helps(contextgen, model, tmp_path):
    """A model without ratios is refused with this command as the hint, and renders once that has run."""
    scene = write_scene(tmp_path / "scene.yaml")
    tested = ("--model", model, "--adapter", TINY_ADAPTER, "--device", "cpu")
    render = ("render", scene, *tested, "--cache-steps", "mag", "--processes", 0, "-o", tmp_path / "out")
    refused = contextgen(*render)
    assert refused.code == 2 and "contextgen bench calibrate" in refused.err
    assert contextgen("bench", "calibrate", *tested, "--scenes", 1).code == 0
    rendered = contextgen(*render)
    assert rendered.code == 0, rendered.err


def test_the_same_ratios_come_as_json_and_into_a_file(contextgen, model, tmp_path):
    file = tmp_path / "new" / "card.json"
    command = ("bench", "calibrate", "--model", model, "--adapter", TINY_ADAPTER, *QUICKLY)
    result = contextgen(*command, "-o", file, "--json")
    assert result.code == 0, result.err
    (summary,) = result.records
    assert {key: summary[key] for key in ("type", "file", "scenes", "exit")} == {
        "type": "summary",
        "file": str(file),
        "scenes": 2,
        "exit": 0,
    }
    assert summary["model"]["name"] == "model" and summary["adapter"]["name"] == "adapter"
    assert json.loads(file.read_text("utf-8")) == {**json.loads(CARD), "mag_ratios": summary["mag_ratios"]}
    assert (model / "contextgen.json").read_text("utf-8") == CARD
    assert "once it is contextgen.json" in result.err
    refused = contextgen(*command, "-o", file)
    assert refused.code == 2 and "is there already" in refused.err


@pytest.mark.parametrize("asked", [(), ("--model", "mini"), ("--model", "MINI_FOLDER")])
def test_the_package_is_left_as_it_came(contextgen, asked, tmp_path):
    from contextgen.weights.checkpoints import find

    card = find("mini") / "contextgen.json"
    before = card.read_bytes()
    result = contextgen("bench", "calibrate", *(find("mini") if part == "MINI_FOLDER" else part for part in asked))
    assert result.code == 2
    assert "is a part of the package" in result.err and "-o FILE" in result.err
    inside = contextgen("bench", "calibrate", "-o", card.with_name("other.json"))
    assert inside.code == 2 and not card.with_name("other.json").exists()
    assert card.read_bytes() == before


def test_the_hub_cache_is_left_as_it_came(contextgen, model, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    result = contextgen("bench", "calibrate", "--model", model, *QUICKLY)
    assert result.code == 2
    assert "lies in the hub cache" in result.err and "-o FILE" in result.err
    assert (model / "contextgen.json").read_text("utf-8") == CARD
    absent = contextgen("bench", "calibrate", "--model", "owner/name", *QUICKLY)
    assert absent.code == 2 and "hub cache" in absent.err


def test_a_model_that_is_not_there_is_said_to_be_missing(contextgen, tmp_path):
    assert contextgen("bench", "calibrate", "--model", tmp_path).code == 3
    assert contextgen("bench", "calibrate", "--model", "no-such-model").code == 3


def test_a_card_that_cannot_be_written_leaves_the_old_one(contextgen, model, monkeypatch):
    monkeypatch.setattr("pathlib.Path.replace", _full)
    result = contextgen("bench", "calibrate", "--model", model, "--adapter", TINY_ADAPTER, *QUICKLY)
    assert result.code == 3 and "the disk is full" in result.err
    assert (model / "contextgen.json").read_text("utf-8") == CARD


def _full(self, target):
    raise OSError(28, "No space left on device")
