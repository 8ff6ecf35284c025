"""A model that cannot be used is told alike by every command that looks at it, with the file, and never as a bug."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from painting import TINY_ADAPTER, TINY_MODEL
from safetensors.torch import load_file, save_file

from contextgen import ContextGenPipeline
from contextgen.weights.checkpoint_errors import CheckpointError


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


def edit(file, **changes):
    """Other tensors in a file; None leaves one out."""
    tensors = {**load_file(file), **changes}
    save_file({name: each for name, each in tensors.items() if each is not None}, file, {"format": "pt"})


def spoil(folder):
    scale = load_file(folder / T5)[T5_TENSOR]
    scale[3] = torch.nan
    edit(folder / T5, **{T5_TENSOR: scale})


def scale(folder):
    weight = load_file(folder / FLUX)[f"{FLUX_LAYER}.weight"]
    scaled = {f"{FLUX_LAYER}.weight": weight.to(torch.float8_e4m3fn), f"{FLUX_LAYER}.weight_scale": torch.ones(())}
    edit(folder / FLUX, **scaled)


T5, T5_TENSOR = "text_encoder_2/model.safetensors", "encoder.final_layer_norm.weight"
VAE, VAE_TENSOR = "vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias"
FLUX, FLUX_LAYER = "transformer/diffusion_pytorch_model.safetensors", "transformer_blocks.0.attn.to_q"
WEIGHTS = {
    "not a number": (spoil, f"{T5}: {T5_TENSOR} holds NaN or infinity"),
    "a tensor of an encoder left out": (
        lambda folder: edit(folder / T5, **{T5_TENSOR: None}),
        f"text_encoder_2: no {T5_TENSOR} in model.safetensors",
    ),
    "a tensor of the VAE left out": (
        lambda folder: edit(folder / VAE, **{VAE_TENSOR: None}),
        f"vae: no {VAE_TENSOR} in diffusion_pytorch_model.safetensors",
    ),
    "a tensor of the transformer left out": (
        lambda folder: edit(folder / FLUX, **{f"{FLUX_LAYER}.bias": None}),
        f"transformer: no {FLUX_LAYER}.bias in diffusion_pytorch_model.safetensors",
    ),
    "a tensor too much": (
        lambda folder: edit(folder / VAE, **{"another.head": torch.ones(3)}),
        "vae: diffusion_pytorch_model.safetensors has another.head, which nothing uses",
    ),
    "scaled float8": (
        scale,
        f"transformer: diffusion_pytorch_model.safetensors: its float8 weights have scales beside them, such as "
        f"{FLUX_LAYER}.weight_scale, which are not applied here",
    ),
}


@pytest.mark.parametrize(("change", "said"), WEIGHTS.values(), ids=WEIGHTS)
def test_weights_that_are_not_those_of_the_model_are_named_and_nothing_is_painted(
    contextgen, scene, tmp_path, model, change, said
):
    change(model)
    examined = contextgen("doctor", "--model", model)
    assert (examined.code, said in examined.out) == (3, True), examined.out
    for more in ((), ("--memory", "full", "--json")):
        result = contextgen("render", scene, "--model", model, "--device", "cpu", *more, "-o", tmp_path / "out")
        assert (result.code, said in result.err) == (3, True), result.err
    assert not list(tmp_path.rglob("*-0.png"))
    with pytest.raises(CheckpointError) as refused:
        ContextGenPipeline.from_pretrained(model)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["model.safetensors", "model.gguf"])
@pytest.mark.parametrize("verb", ["render", "doctor", "validate", "bench"])
def test_a_model_in_a_single_file_is_said_how_to_convert(contextgen, scene, tmp_path, verb, name):
    (file := tmp_path / name).touch()
    arguments = {"render": (scene, "-o", tmp_path / "out"), "validate": (scene,), "bench": ("synthetic",)}.get(verb, ())
    result = contextgen(verb, *arguments, "--model", file)
    assert result.code == 3
    assert f"{file} is a file, and a model is a folder in diffusers' format" in result.out + result.err
    assert "FluxKontextPipeline.from_single_file(FILE).save_pretrained(FOLDER)" in result.out + result.err


def cached(repo, files):
    """A repository in the hub's cache."""
    shutil.copytree(files, repo / "snapshots" / "abc")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    return repo


def test_of_the_models_with_a_name_the_headers_are_looked_at(contextgen, tmp_path, monkeypatch):
    repo = cached(tmp_path / "cache" / "models--black-forest-labs--FLUX.1-Kontext-dev", TINY_MODEL)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    assert "here: no, its adapter ruihangxu/ContextGen is not in the hub cache" in contextgen("models").out
    cached(tmp_path / "cache" / "models--ruihangxu--ContextGen", TINY_ADAPTER)
    assert "here: no" not in contextgen("models").out
    assert contextgen("doctor", "--model", "kontext").code == 0
    scale(repo / "snapshots" / "abc")
    (kontext,) = [each for each in contextgen("models", "--json").records if each.get("name") == "kontext"]
    assert "its float8 weights have scales beside them" in kontext["missing"] and not kontext["in_cache"]
