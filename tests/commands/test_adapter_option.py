"""`--adapter PATH[=SCALE]`: several, each with its strength, remembered and put on again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from painting import TINY_ADAPTER, TINY_MODEL
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file, save_file

from contextgen import ContextGenPipeline
from contextgen.weights.checkpoints import ALIASES
from contextgen_cli.api import load_scene, save_picture

MODEL = ("--model", TINY_MODEL, "--device", "cpu", "--dtype", "float32")
FAST = ("--steps", 1, "--processes", 0)
FILE = next(TINY_ADAPTER.glob("*.safetensors"))


@pytest.fixture
def style(tmp_path: Path) -> Path:
    """A small LoRA of two layers, called as if it had a scale."""
    tensors = load_file(FILE)
    kept = {name: 3 * each for name, each in tensors.items() if ".attn.to_q." in name and "single" not in name}
    save_file(kept, tmp_path / "style=0.5.safetensors")
    return tmp_path / "style=0.5.safetensors"


def record_of(picture: Path) -> dict:
    return json.loads(Image.open(picture).text["contextgen"])


def test_two_adapters_are_told_remembered_and_replayed(contextgen, scene, style, tmp_path) -> None:
    adapters = ("--adapter", TINY_ADAPTER, "--adapter", f"{style}=0.7")
    rendered = contextgen("render", scene, *MODEL, *adapters, *FAST, "-o", tmp_path / "out")
    assert rendered.code == 0, rendered.err
    layers = len([name for name in load_file(style) if "lora_A" in name])
    assert f"adapter {style.name}=0.7 changes {layers} of " in rendered.err
    picture = next((tmp_path / "out").glob("*.png"))
    told = record_of(picture)["adapter"]
    assert [(each["name"], each.get("scale")) for each in told] == [("adapter", None), (style.name, 0.7)]
    assert f"{style.name}=0.7 (" in contextgen("inspect", picture).out
    again = contextgen(
        "replay", picture, *MODEL[:4], "--adapter", TINY_ADAPTER, "--adapter", style, "-o", tmp_path / "b"
    )
    assert again.code == 0 and "the same bytes" in again.out
    other = contextgen("replay", picture, *MODEL[:4], "--adapter", TINY_ADAPTER, "-o", tmp_path / "c")
    assert other.code == 2 and "and --adapter is given 1 times" in other.err


def test_strength_and_order_make_other_jobs_and_one_of_scale_1_is_the_job_of_ever(contextgen, scene, style) -> None:
    def job(*adapters: object) -> str:
        options = [part for adapter in adapters for part in ("--adapter", adapter)]
        result = contextgen("render", scene, *MODEL, *options, "--dry-run", "--json")
        assert result.code == 0, result.err
        return result.records[0]["job"]

    one = job(TINY_ADAPTER)
    assert one == job(f"{TINY_ADAPTER}=1") == job(f"{TINY_ADAPTER}=1.0")
    others = [
        job(f"{TINY_ADAPTER}=0.5"),
        job(TINY_ADAPTER, style),
        job(style, TINY_ADAPTER),
        job(TINY_ADAPTER, f"{style}=2"),
    ]
    assert len({one, *others}) == 5


def test_the_environment_names_several_as_a_list_of_paths(contextgen, scene, style, monkeypatch) -> None:
    monkeypatch.setenv("CONTEXTGEN_ADAPTER", f"{TINY_ADAPTER}:{style}=0.7")
    result = contextgen("render", scene, *MODEL, "--dry-run")
    assert "adapter adapter changes" in result.err and f"adapter {style.name}=0.7 changes" in result.err


def test_the_latest_step_is_said(contextgen, scene, tmp_path) -> None:
    (tmp_path / "steps").mkdir()
    for step in ("00100", "00200"):
        shutil.copy(FILE, tmp_path / "steps" / f"transformer_{step}.safetensors")
    result = contextgen("render", scene, *MODEL, "--adapter", tmp_path / "steps", "--dry-run")
    assert "adapter steps (transformer_00200.safetensors) changes 37 of" in result.err


def test_an_adapter_of_zeros_and_a_style_alone_are_warned_of(contextgen, scene, style, tmp_path) -> None:
    tensors = load_file(FILE)
    save_file({name: torch.zeros_like(each) for name, each in tensors.items()}, tmp_path / "zeros.safetensors")
    zeros = contextgen("render", scene, *MODEL, "--adapter", tmp_path / "zeros.safetensors", "--dry-run")
    assert "warning: adapter zeros.safetensors changes nothing" in zeros.err
    with pytest.warns(UserWarning, match=r"zeros\.safetensors changes nothing"):
        ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=tmp_path / "zeros.safetensors")
    alone = contextgen("render", scene, *MODEL, "--adapter", style, "--dry-run")
    assert "no adapter that is given changes all the layers that ContextGen's does" in alone.err
    both = contextgen("render", scene, *MODEL, "--adapter", TINY_ADAPTER, "--adapter", style, "--dry-run")
    assert "warning" not in both.err


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's alias, of the tiny model and its adapter."""
    import contextgen.weights.checkpoints as places

    known = {str(ALIASES["kontext"].repo): TINY_MODEL, str(ALIASES["kontext"].adapter): TINY_ADAPTER}
    monkeypatch.setattr(places, "_model_from_hub", lambda repo, offline: known[repo])
    monkeypatch.setattr(places, "_adapter_from_hub", lambda repo, offline: known[repo])


@pytest.mark.usefixtures("own")
def test_kontext_needs_nothing_else(contextgen, scene, tmp_path) -> None:
    rendered = contextgen("render", scene, "--model", "kontext", "--device", "cpu", *FAST, "-o", tmp_path / "out")
    assert rendered.code == 0, rendered.err
    picture = next((tmp_path / "out").glob("*.png"))
    assert record_of(picture)["adapter"]["name"] == "ruihangxu/ContextGen"
    again = contextgen("replay", picture, "--device", "cpu", "-o", tmp_path / "again")
    assert again.code == 0 and "the same bytes" in again.out
    assert "ok  model kontext: would load" in contextgen("doctor", "--model", "kontext").out
    assert "adapter: ruihangxu/ContextGen\n  here: yes" in contextgen("models").out


def test_what_a_picture_names_on_the_hub_is_never_fetched_for_it(contextgen, scene, tmp_path) -> None:
    contextgen("render", scene, *MODEL, "--adapter", TINY_ADAPTER, *FAST, "-o", tmp_path / "out")
    (picture,) = (tmp_path / "out").glob("*.png")
    record = record_of(picture)
    forged = PngInfo()
    forged.add_text("contextgen", json.dumps({**record, "adapter": {**record["adapter"], "name": "any/body"}}))
    Image.open(picture).save(picture, pnginfo=forged)
    replayed = contextgen("replay", picture, *MODEL[:4], "-o", tmp_path / "again")
    assert replayed.code == 3 and "the adapter any/body, which is no name known here" in replayed.err


@pytest.mark.usefixtures("own")
def test_a_style_beside_the_models_own_adapter(contextgen, scene, style) -> None:
    kontext = ("render", scene, "--model", "kontext", "--device", "cpu", "--dry-run")
    both = contextgen(*kontext, "--adapter", "default=0.9", "--adapter", style)
    assert "adapter ruihangxu/ContextGen=0.9" in both.err and f"adapter {style.name} changes" in both.err
    alone = contextgen(*kontext, "--adapter", style)
    assert "adapter ruihangxu/ContextGen" not in alone.err and "it will hardly keep identities" in alone.err


def test_a_model_without_an_adapter_of_its_own_has_no_default(contextgen, scene) -> None:
    result = contextgen("render", scene, "--adapter", "default", "--dry-run")
    assert result.code == 3 and "mini has no adapter of its own" in result.err


def test_python_puts_on_the_same(contextgen, scene, style, tmp_path) -> None:
    pipe = ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=[TINY_ADAPTER, (style, 0.7)])
    loaded = load_scene(scene)
    picture = pipe(**{**loaded.arguments(), "num_inference_steps": 1}).images[0]
    save_picture(picture, tmp_path / "python.png", loaded, pipe)
    told = record_of(tmp_path / "python.png")["adapter"]
    assert [each.get("scale") for each in told] == [None, 0.7]
    assert ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=(style, 0.7)).loaded.adapters == ((str(style), 0.7),)


def test_kept_apart_several_count_together(style) -> None:
    apart, fused = (
        ContextGenPipeline.from_pretrained(TINY_MODEL, adapter=[TINY_ADAPTER, (style, 0.7)], fuse_adapter=fuse)
        for fuse in (False, True)
    )
    layer = apart.transformer.transformer_blocks[0].attn.to_q
    seen = torch.randn(3, layer.in_features, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(layer(seen), fused.transformer.transformer_blocks[0].attn.to_q(seen), atol=1e-3)
