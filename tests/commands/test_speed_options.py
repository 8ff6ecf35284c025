"""The options of `render` that trade memory, time or exactness, through the command line with the tiny real model."""

from __future__ import annotations

import pytest
from painting import with_options
from PIL import Image

from contextgen.backends.flux_kontext import quantizing
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen_cli.records.output import encode
from contextgen_cli.records.picture_file import read_record


def test_a_cache_makes_the_same_picture_without_encoding(contextgen, tiny, scene, tmp_path, monkeypatch):
    cache = tmp_path / "new" / "texts"
    pictures = []
    for run in ("first", "second"):
        result = contextgen("render", scene, *tiny, "--cache", cache, "-o", tmp_path / f"{run}.png", "--no-metadata")
        assert result.code == 0
        pictures.append((tmp_path / f"{run}.png").read_bytes())
        monkeypatch.setattr(ContextGenPipeline, "encode_prompt", None)
    assert pictures[0] == pictures[1]
    assert [file.suffix for file in cache.iterdir()] == [".safetensors"]


def test_a_damaged_cache_is_told(contextgen, tiny, scene, tmp_path):
    contextgen("render", scene, *tiny, "--cache", tmp_path / "texts", "-o", tmp_path / "one.png")
    (file,) = (tmp_path / "texts").iterdir()
    file.write_bytes(b"nonsense")
    result = contextgen("render", scene, *tiny, "--cache", tmp_path / "texts", "-o", tmp_path / "two.png", "--fresh")
    assert result.code == 0
    assert "written anew" in result.err


@pytest.mark.parametrize("plan", [(), ("--dry-run",)])
def test_a_cache_that_is_a_file_is_refused(contextgen, tiny, scene, tmp_path, plan):
    (tmp_path / "file").touch()
    result = contextgen("render", scene, *tiny, "--cache", tmp_path / "file", "-o", tmp_path / "out", *plan)
    assert result.code == 3
    assert "file is a file" in result.err


def test_a_cache_that_cannot_be_made_is_refused(contextgen, tiny, scene, tmp_path):
    (tmp_path / "file").touch()
    result = contextgen("render", scene, *tiny, "--cache", tmp_path / "file" / "texts", "-o", tmp_path / "out")
    assert result.code == 3
    assert "cannot be made" in result.err


@pytest.mark.parametrize("plan", [(), ("--dry-run",)])
@pytest.mark.parametrize(("name", "package"), [("int8", "torchao"), ("nf4", "bitsandbytes")])
def test_a_quantization_without_its_package_says_what_to_install(
    contextgen, tiny, scene, tmp_path, monkeypatch, name, package, plan
):
    monkeypatch.setattr(quantizing.importlib.util, "find_spec", lambda name: None)
    result = contextgen("render", scene, *tiny, "--quantize", name, "-o", tmp_path / "out", *plan)
    assert result.code == 3
    assert f"needs the package {package}" in result.err
    assert "contextgen[quant]" in result.err


def test_compiling_without_a_compiler_says_what_to_install(contextgen, tiny, scene, tmp_path, monkeypatch):
    from torch._inductor import cpp_builder, exc

    def none_found():
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none_found)
    result = contextgen("render", scene, *tiny, "--compile", "-o", tmp_path / "out")
    assert result.code == 3
    assert "g++" in result.err


def test_a_compiled_picture_is_another_job(contextgen, tiny, scene, tmp_path):
    plans = [
        contextgen("render", scene, *tiny, *options, "--dry-run", "--json", "-o", tmp_path / "out")
        for options in ((), ("--compile",))
    ]
    plain, compiled = (plan.records[0]["job"] for plan in plans)
    assert plain != compiled


def test_that_a_picture_was_compiled_is_said_where_another_wants_its_name(contextgen, tiny, scene, tmp_path):
    out = tmp_path / "out"
    contextgen("render", scene, *tiny, "-o", out)
    picture = out / "picnic-0.png"
    with Image.open(picture) as image:
        image.load()
        picture.write_bytes(encode(image, {**read_record(picture), "compiled": True, "job": "0" * 64}))
    assert "(changed: not compiled)" in contextgen("render", scene, *tiny, "-o", out).err


@pytest.mark.parametrize("memory", ["lean", "offload", "sequential"])
def test_presets_need_a_device_with_memory_of_its_own(contextgen, tiny, scene, tmp_path, memory):
    result = contextgen("render", scene, *tiny, "--memory", memory, "-o", tmp_path / "out")
    assert result.code == 3
    assert "--memory full" in result.err


@pytest.mark.parametrize("options", [("--cache-steps", "taylor"), ("--reuse-references", "2")])
def test_what_is_not_exact_is_another_picture_and_remembered(contextgen, tiny, scene, tmp_path, options):
    more = with_options(tiny, "--steps", 8)
    contextgen("render", scene, *more, "-o", tmp_path / "exact.png", "--no-metadata")
    result = contextgen("render", scene, *more, *options, "-o", tmp_path / "near.png")
    assert result.code == 0
    assert read_record(tmp_path / "near.png")["approximations"] == "=".join(options).removeprefix("--")
    with Image.open(tmp_path / "exact.png") as exact, Image.open(tmp_path / "near.png") as near:
        assert exact.tobytes() != near.tobytes()


def test_mag_needs_to_know_the_model(contextgen, tiny, scene, tmp_path):
    result = contextgen("render", scene, *tiny, "--cache-steps", "mag", "-o", tmp_path / "out")
    assert result.code == 2
    assert "tiny-kontext does not say what --cache-steps mag must know of it" in result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", [("--cache-steps", "taylor"), ("--attention", "masked")])
def test_what_excludes_reuse_is_refused_before_anything_loads(contextgen, tiny, scene, tmp_path, other):
    result = contextgen("render", scene, *tiny, "--reuse-references", "2", *other, "-o", tmp_path / "out")
    assert result.code == 2
    assert "--reuse-references" in result.err
    assert not (tmp_path / "out").exists()
