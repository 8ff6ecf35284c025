"""`contextgen replay`: the same picture again, or a refusal that says why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from painting import TINY_ADAPTER, TINY_MODEL, draw_reference, write_scene
from PIL import Image

from contextgen.backends.flux_kontext import quantizing
from contextgen_cli import cli
from contextgen_cli.records.output import encode
from contextgen_cli.records.picture_file import read_record

TINY = ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu")


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> Path:
    """A folder with scenes, and a picture painted from them."""
    folder = tmp_path_factory.mktemp("painted")
    path = write_scene(folder / "scenes" / "picnic.yaml", seeds=[7])
    out = folder / "out"
    assert cli.run(["render", str(path), *map(str, TINY), "--steps", "1", "--dtype", "float32", "-o", str(out)]) == 0
    return folder


@pytest.fixture
def place(painted, tmp_path, monkeypatch) -> Path:
    """A copy of it, which is where we are."""
    shutil.copytree(painted, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


def test_the_same_bytes(contextgen, place):
    before = (place / "out" / "picnic-7.png").read_bytes()
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert result.code == 0, result.err
    assert result.lines == ["out/picnic-7.png: the same bytes (replays/picnic-7.png)"]
    assert (place / "replays" / "picnic-7.png").read_bytes() == before == (place / "out" / "picnic-7.png").read_bytes()


def test_files_that_moved_are_found_by_their_content_and_the_bytes_are_still_the_same(contextgen, place):
    (place / "kept" / "deep").mkdir(parents=True)
    for name in ("crab", "bag"):
        (place / "scenes" / "refs" / f"{name}.png").rename(place / "kept" / "deep" / f"old {name}.png")
    refused = contextgen("replay", "out/picnic-7.png", *TINY)
    assert refused.code == 2
    for name in ("crab", "bag"):
        assert f"refs/{name}.png is missing" in refused.err
    assert not (place / "replays").exists()
    result = contextgen("replay", "out/picnic-7.png", *TINY, "--inputs", "kept", "--json")
    assert result.code == 0, result.err
    replay, summary = result.records
    assert (replay["type"], replay["same_bytes"], replay["same_pixels"], replay["error"]) == (
        "replay",
        True,
        True,
        None,
    )
    assert (replay["picture"], replay["path"], replay["versions"]) == ("out/picnic-7.png", "replays/picnic-7.png", [])
    assert (summary["same_bytes"], summary["different"], summary["exit"]) == (1, 0, 0)


@pytest.mark.parametrize("inexact", [("--cache-steps", "taylor"), ("--reuse-references", "2")])
def test_what_was_not_exact_is_so_again(contextgen, place, inexact):
    more = ("--steps", "8", "--dtype", "float32", "-o", "near")
    assert contextgen("render", "scenes/picnic.yaml", *TINY, *more, *inexact).code == 0
    assert "=".join(inexact).removeprefix("--") in contextgen("inspect", "near/picnic-7.png").out
    result = contextgen("replay", "near/picnic-7.png", *TINY)
    assert (result.code, result.lines) == (0, ["near/picnic-7.png: the same bytes (replays/picnic-7.png)"]), result.err


UNKNOWN = ["cache-steps=magic", "quantize=int2", "dream=1", "reuse-references=x", "reuse-references=1", "quantize", "7"]


@pytest.mark.parametrize("approximations", UNKNOWN)
def test_an_approximation_that_is_not_known_is_refused(contextgen, place, approximations):
    remember_otherwise(place / "out" / "picnic-7.png", approximations=approximations)
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert (result.code, result.out) == (2, "")
    assert f"was painted with {approximations}, which is not known here" in result.err


@pytest.mark.parametrize(("name", "value"), [("attention", "sparse"), ("ica", "mine"), ("compiled", "yes")])
def test_a_choice_that_is_not_known_is_refused_by_its_name(contextgen, place, name, value):
    remember_otherwise(place / "out" / "picnic-7.png", approximations="quantize=int8", **{name: value})
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert (result.code, result.out) == (2, "")
    assert f"was painted with {name}={value}, which is not known here" in result.err


def test_a_number_format_that_nobody_knows_makes_it_no_record(contextgen, place):
    remember_otherwise(place / "out" / "picnic-7.png", dtype="float7")
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert (result.code, result.out) == (2, "")
    assert "its record cannot be read: `dtype` is none of float32, bfloat16, float16: 'float7'" in result.err


def test_a_quantization_that_this_machine_lacks_is_refused(contextgen, place, monkeypatch):
    monkeypatch.setattr(quantizing.importlib.util, "find_spec", lambda name: None)
    remember_otherwise(place / "out" / "picnic-7.png", approximations="quantize=int8")
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert (result.code, result.out) == (3, "")
    assert "int8 needs the package torchao" in result.err


def test_what_was_compiled_is_compiled_again_and_not_without_a_compiler(contextgen, place, monkeypatch):
    from torch._inductor import cpp_builder, exc

    def none_found():
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none_found)
    remember_otherwise(place / "out" / "picnic-7.png", compiled=True)
    assert "compiled" in contextgen("inspect", "out/picnic-7.png").out
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert (result.code, result.out) == (3, "")
    assert "g++" in result.err


def test_a_changed_file_is_refused_by_name(contextgen, place):
    draw_reference(place / "scenes" / "refs" / "crab.png", "#00ff00")
    result = contextgen("replay", "out/picnic-7.png", *TINY, "--json")
    assert result.code == 2
    assert "out/picnic-7.png: refs/crab.png was changed since (scenes/refs/crab.png)" in result.err
    assert "--inputs" in result.err
    assert result.records == [{"type": "summary", "errors": 1, "exit": 2}]


def remember_otherwise(picture: Path, **changes: object) -> None:
    with Image.open(picture) as image:
        picture.write_bytes(encode(image, {**json.loads(image.info["contextgen"]), **changes}))


@pytest.mark.parametrize("what", ["model", "adapter"])
def test_other_weights_are_refused(contextgen, place, what):
    remember_otherwise(place / "out" / "picnic-7.png", **{what: {"name": "old", "digest": "ab" * 32}})
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert (result.code, result.out) == (3, "")
    assert f"was painted with another {what}: old (abababababab), and this is" in result.err


@pytest.mark.parametrize(("given", "lacking"), [((), "model"), (TINY[:2], "adapter")])
def test_weights_that_have_no_alias_must_be_named(contextgen, place, given, lacking):
    result = contextgen("replay", "out/picnic-7.png", *given)
    assert result.code == 3
    assert f"was painted with the {lacking}" in result.err
    assert f"--{lacking}" in result.err


def test_other_pixels_are_told_and_other_versions(contextgen, place):
    picture = place / "out" / "picnic-7.png"
    record = read_record(picture)
    with Image.open(picture) as image:
        image.putpixel((0, 0), tuple(255 - value for value in image.getpixel((0, 0))))
        picture.write_bytes(encode(image, {**record, "versions": {**record["versions"], "torch": "1.0"}}))
    result = contextgen("replay", picture, *TINY)
    assert result.code == 1
    assert "different: 0.01% of the pixels, by" in result.out
    assert "torch was 1.0, is " in result.err


@pytest.mark.parametrize(
    "damage", [lambda png: png[: len(png) * 3 // 4], lambda png: png[:-90] + b"x" * 40 + png[-50:]]
)
def test_a_picture_whose_pixels_are_damaged_is_painted_again_and_differs(contextgen, place, damage):
    picture = place / "out" / "picnic-7.png"
    picture.write_bytes(damage(picture.read_bytes()))
    result = contextgen("replay", picture, *TINY)
    assert result.code == 1, result.err
    assert "different: one of the two cannot be read (" in result.out
    assert (place / "replays" / "picnic-7.png").is_file()


def test_the_same_pixels_under_other_versions_are_a_success(contextgen, place):
    versions = {**read_record(place / "out" / "picnic-7.png")["versions"], "torch": "1.0"}
    remember_otherwise(place / "out" / "picnic-7.png", versions=versions)
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert result.code == 0
    assert "the same pixels, other bytes" in result.out


@pytest.mark.parametrize("out", ["out", "out/picnic-7.png"])
def test_the_original_is_never_written_over(contextgen, place, out):
    before = (place / "out" / "picnic-7.png").read_bytes()
    result = contextgen("replay", "out/picnic-7.png", *TINY, "-o", out)
    assert result.code == 2
    assert "is the original" in result.err
    assert (place / "out" / "picnic-7.png").read_bytes() == before


def test_a_picture_without_a_record_is_told_with_all_other_problems(contextgen, place):
    Image.new("RGB", (8, 8)).save(place / "bare.png")
    result = contextgen("replay", "bare.png", "gone.png", "out/picnic-7.png", *TINY)
    assert (result.code, result.out) == (2, "")
    assert "bare.png: a PNG picture that remembers no scene" in result.err
    assert "gone.png: cannot be read" in result.err
    assert not (place / "replays").exists()


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden"])
def test_a_record_names_no_file_elsewhere(contextgen, place, name):
    scene = read_record(place / "out" / "picnic-7.png")["scene"]
    remember_otherwise(place / "out" / "picnic-7.png", scene={**scene, "name": name})
    result = contextgen("replay", "out/picnic-7.png", *TINY)
    assert result.code == 2
    assert "no name that a file can have" in result.err


def test_standard_output_is_refused(contextgen, place):
    assert contextgen("replay", "out/picnic-7.png", *TINY, "-o", "-").code == 2
