"""A model that cannot be used is told alike by every command that looks at it, with the file, and never as a bug."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from painting import TINY_MODEL


@pytest.fixture
def model(tmp_path) -> Path:
    return Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))


BROKEN = {
    "a configuration without its keys": ("vae/config.json", "{}", "'block_out_channels' is missing"),
    "a configuration that is a list": ("transformer/config.json", "[]", "transformer/config.json"),
    "an index without shards": (
        "transformer/diffusion_pytorch_model.safetensors.index.json",
        "{}",
        "is no index of shards",
    ),
    "an unknown key in the card": ("contextgen.json", '{"stepz": 4}', "unknown key 'stepz'"),
    "a block that is not there": ("contextgen.json", '{"ica_blocks": [99]}', "ICA block 99 does not exist"),
    "no component that it names": (
        "model_index.json",
        '{"_class_name": "FluxKontextPipeline"}',
        "does not name scheduler",
    ),
    "another family": ("model_index.json", '{"_class_name": "WanPipeline"}', "no installed family of models"),
    "no family": ("model_index.json", "[]", "model_index.json"),
}


@pytest.mark.parametrize(("file", "content", "said"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("verb", ["render", "doctor"])
def test_a_broken_folder_is_named(contextgen, scene, tmp_path, model, verb, file, content, said):
    (model / file).write_text(content)
    arguments = {"render": (scene, "-o", tmp_path / "out"), "doctor": ()}[verb]
    result = contextgen(verb, *arguments, "--model", model)
    assert result.code == 3, result.err
    assert said in result.err + result.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", ["a configuration without its keys", "an unknown key in the card", "another family"])
@pytest.mark.parametrize("verb", ["validate", "compose"])
def test_what_needs_no_weights_needs_a_model_that_says_what_it_is(contextgen, scene, tmp_path, model, verb, case):
    file, content, said = BROKEN[case]
    (model / file).write_text(content)
    result = contextgen(verb, scene, "--model", model, *(("-o", tmp_path / "l.png") if verb == "compose" else ()))
    assert result.code == 3 and said in result.err


def test_a_typo_in_the_model_is_no_clean_bill(contextgen, scene):
    result = contextgen("validate", scene, "--model", "kontextt")
    assert result.code == 3 and "Did you mean 'kontext'?" in result.err


def test_a_model_that_would_have_to_be_fetched_is_said_not_to_be_asked(contextgen, scene):
    result = contextgen("validate", scene, "--model", "someone/model")
    assert result.code == 0
    assert "warning: scenes are not held against someone/model" in result.err


def test_a_family_that_cannot_be_imported_is_named_with_its_package(contextgen, scene, tmp_path, model, monkeypatch):
    place = tmp_path / "site" / "broken_family-1.0.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-family\nVersion: 1.0\n")
    (place / "entry_points.txt").write_text("[contextgen.backends]\nBrokenPipeline = broken_family:Nothing\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    index = json.loads((model / "model_index.json").read_text())
    (model / "model_index.json").write_text(json.dumps({**index, "_class_name": "BrokenPipeline"}))
    result = contextgen("render", scene, "--model", model, "-o", tmp_path / "out")
    assert result.code == 3
    assert "broken_family:Nothing" in result.err and "the package broken-family" in result.err
