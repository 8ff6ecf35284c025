"""FLUX.1-Kontext behind the border: what is known of a folder, and what is refused, before any weight loads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from painting import TINY_MODEL
from safetensors.torch import load_file

from contextgen.backends.base import Opening
from contextgen.backends.choices import ContextParallel
from contextgen.backends.families import backend_of, class_name, family_of
from contextgen.backends.flux_kontext.backend import FluxKontext
from contextgen.backends.flux_kontext.flux_numerics import FluxNumerics
from contextgen.backends.unsupported import NotOffered
from contextgen.weights.checkpoint_errors import FolderIncomplete, UnknownModel

PLAIN = FluxNumerics()


@pytest.fixture
def tiny() -> FluxKontext:
    backend = backend_of(TINY_MODEL)
    assert isinstance(backend, FluxKontext)
    return backend


def test_parts_are_counted_in_numbers(tiny: FluxKontext) -> None:
    files = [file for file in TINY_MODEL.glob("*/*.safetensors") if file.parent.name != "adapter"]
    assert sum(tiny.parts().values()) == sum(part.numel() for file in files for part in load_file(file).values())


def test_the_modulation_of_adaln_is_told_apart_by_its_names(tiny: FluxKontext) -> None:
    transformer = load_file(next((TINY_MODEL / "transformer").glob("*.safetensors")))
    modulation = sum(tensor.numel() for name, tensor in transformer.items() if ".linear." in name)
    assert tiny.parts()["modulation"] == modulation > 0


def test_each_preset_keeps_less_on_a_gpu_and_the_main_memory_has_one(tiny: FluxKontext) -> None:
    parts = tiny.parts()
    kept = tiny.resident(FluxNumerics(dtype="bfloat16"), "cuda:0")
    assert list(kept) == ["full", "lean", "offload", "sequential"]
    assert kept["full"] == 2 * sum(parts.values()) and kept["sequential"] == 0
    assert kept["lean"] == 2 * (parts["transformer"] + parts["vae"]) < kept["full"]
    assert kept["offload"] == 2 * max(size for name, size in parts.items() if name != "modulation")
    for device in ("cpu", "mps"):  # where what is kept elsewhere would lie in the same memory
        assert tiny.resident(PLAIN, device) == {"full": 4 * sum(parts.values())}


def test_quantized_matrices_take_less_on_a_gpu_and_are_loaded_whole_on_a_cpu(tiny: FluxKontext) -> None:
    fewer = FluxNumerics(dtype="bfloat16", quantize="int8")
    whole, packed = (tiny.resident(each, "cuda:0")["full"] for each in (FluxNumerics(dtype="bfloat16"), fewer))
    assert whole - packed == tiny.parts()["transformer"]
    assert tiny.resident(fewer, "cpu") == tiny.resident(FluxNumerics(dtype="bfloat16"), "cpu")


@pytest.mark.parametrize(
    ("numerics", "parallel", "words"),
    [
        (FluxNumerics(reuse_references=2, cache_steps="taylor"), None, "exclude each other"),
        (FluxNumerics(reuse_references=2, attention="masked"), None, "needs the exact attention"),
        (FluxNumerics(cache_steps="mag"), None, "does not say what --cache-steps mag must know"),
        (FluxNumerics(attention="masked"), ContextParallel("ring", 2), "needs the exact attention"),
        (FluxNumerics(cache_steps="first-block"), ContextParallel("ring", 2), "exclude each other"),
        (PLAIN, ContextParallel("ulysses", 3), "the model has 2"),
    ],
)
def test_what_excludes_each_other_is_refused(
    tiny: FluxKontext, numerics: FluxNumerics, parallel: ContextParallel | None, words: str
) -> None:
    with pytest.raises(NotOffered, match=words):
        tiny.check_opening(Opening(numerics, "cpu", parallel=parallel))


@pytest.mark.parametrize(
    "numerics",
    [
        PLAIN,
        FluxNumerics("bfloat16", attention="masked", ica="paper"),
        FluxNumerics(quantize="nf4"),
        FluxNumerics(reuse_references=3, quantize="fp8", compile=True),
        FluxNumerics(quantize="int8", cache_steps="taylor"),
    ],
)
def test_numerics_are_read_back_from_a_record(numerics: FluxNumerics) -> None:
    record = json.loads(json.dumps({**numerics.to_record(), "seed": 3}))
    assert FluxNumerics.from_record(record) == numerics
    assert numerics.exact is (numerics.quantize is None and numerics.cache_steps is None)


@pytest.mark.parametrize(
    ("numerics", "record"),
    [
        (PLAIN, {"dtype": "float32", "attention": "exact", "ica": "released"}),
        (
            FluxNumerics("bfloat16", quantize="int8", cache_steps="mag", reuse_references=2, compile=True),
            {
                "dtype": "bfloat16",
                "attention": "exact",
                "ica": "released",
                "approximations": "quantize=int8 cache-steps=mag reuse-references=2",
                "compiled": True,
            },
        ),
    ],
)
def test_records_are_written_as_version_0_1_wrote_them(numerics: FluxNumerics, record: dict[str, object]) -> None:
    """Job ids are made of these values: a picture stays done only as long as they do."""
    assert numerics.to_record() == record


@pytest.mark.parametrize(
    "record",
    [
        {"approximations": "quantize=int3"},
        {"approximations": "pruned=0.5"},
        {"approximations": "cache-steps=mag quantize=int8"},
        {"attention": "sparse"},
        {"dtype": "float8"},
        {"compiled": "yes"},
    ],
)
def test_what_a_record_says_that_is_not_known_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        FluxNumerics.from_record({**PLAIN.to_record(), **record})


def test_a_family_is_found_by_the_class_of_its_folder() -> None:
    assert class_name(TINY_MODEL) == "FluxKontextPipeline"
    assert family_of("ContextGenPipeline", "mini") is FluxKontext


def test_a_modular_index_says_the_class_too(tmp_path: Path) -> None:
    shutil.copy(TINY_MODEL / "model_index.json", tmp_path / "modular_model_index.json")
    assert isinstance(backend_of(tmp_path), FluxKontext)


def test_a_family_that_is_not_installed_is_named(tmp_path: Path) -> None:
    shutil.copy(TINY_MODEL / "model_index.json", tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    (tmp_path / "model_index.json").write_text(json.dumps({**index, "_class_name": "WanPipeline"}))
    with pytest.raises(UnknownModel, match="paints with a WanPipeline") as caught:
        backend_of(tmp_path)
    assert "FluxKontextPipeline" in caught.value.hint


@pytest.mark.parametrize("content", ["{", "[]", "{}", None])
def test_a_folder_that_does_not_say_what_it_is_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "model_index.json").write_text(content)
    with pytest.raises(FolderIncomplete, match=r"model_index\.json"):
        backend_of(tmp_path)


def test_everything_before_the_weights_does_without_torch() -> None:
    asked = (
        "import sys; from pathlib import Path; from contextgen.backends.families import backend_of\n"
        "from contextgen.backends.base import Opening\n"
        f"backend = backend_of(Path({str(TINY_MODEL)!r})); backend.check(); backend.card; backend.parts()\n"
        "backend.check_opening(Opening(backend.numerics(), 'cpu'))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
