"""`contextgen models` and `contextgen doctor`."""

from __future__ import annotations

from painting import TINY_MODEL
from safetensors.torch import load_file

from contextgen.backends.flux_kontext.attention.parallel import PARALLELS
from contextgen.backends.flux_kontext.quantizing import QUANTIZATIONS
from contextgen.backends.flux_kontext.step_cache import STEP_CACHES
from contextgen_cli.models import devices
from contextgen_cli.models.devices import QUANTIZED, Device
from contextgen_cli.models.loading import find_model

GIB = 1 << 30
GPU = Device("cuda:0", "a GPU", 16 * GIB, 24 * GIB)
CPU = Device("cpu", "2 threads", 16 * GIB, 24 * GIB)


def test_models_tell_size_and_licences_apart(contextgen):
    text = contextgen("models").out
    for said in ("kontext:", "size: 37.7 GB", "licence of the code: MIT", "licence of the base:", "adapter:"):
        assert said in text
    *models, summary = contextgen("models", "--json").records
    (record,) = [record for record in models if record["name"] == "kontext"]
    assert summary == {"type": "summary", "models": len(models), "exit": 0}
    assert record["type"] == "model"
    assert set(record["licences"]) == {"code", "base", "adapter"}


def test_doctor_shows_what_there_is_and_no_token(contextgen, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    result = contextgen("doctor", "--model", TINY_MODEL)
    assert result.code == 0
    for said in ("version torch", "device cpu", "hub cache", "token: present", "would load"):
        assert said in result.out
    assert "hf_secret" not in result.out + result.err


def test_doctor_exits_with_3_where_the_model_would_not_load(contextgen, tmp_path):
    result = contextgen("doctor", "--model", tmp_path, "--json")
    assert result.code == 3
    *findings, summary = result.records
    assert any("model_index.json is missing" in finding["value"] for finding in findings)
    assert summary == {"type": "summary", "can_render": False, "exit": 3}


def test_parts_are_counted_in_numbers():
    files = [file for file in TINY_MODEL.glob("*/*.safetensors") if file.parent.name != "adapter"]
    numbers = sum(tensor.numel() for file in files for tensor in load_file(file).values())
    assert sum(find_model(str(TINY_MODEL), None, offline=True).parts().values()) == numbers


def test_the_modulation_of_adaln_is_told_apart_by_its_names():
    transformer = load_file(next((TINY_MODEL / "transformer").glob("*.safetensors")))
    modulation = sum(tensor.numel() for name, tensor in transformer.items() if ".linear." in name)
    assert find_model(str(TINY_MODEL), None, offline=True).parts()["modulation"] == modulation > 0


def test_choices_are_those_of_the_library():
    assert tuple(QUANTIZED) == QUANTIZATIONS
    assert devices.STEP_CACHES == STEP_CACHES
    assert devices.PARALLELS == PARALLELS


def test_doctor_warns_a_person_too(contextgen, tmp_path):
    assert "nothing here can render yet" in contextgen("doctor", "--model", tmp_path).err
