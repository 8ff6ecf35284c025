"""`contextgen models` and `contextgen doctor`."""

from __future__ import annotations

import pytest
from conftest import TINY_MODEL

from contextgen_cli.devices import Device, footprint
from contextgen_cli.errors import DeviceError

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


@pytest.mark.parametrize(
    ("gibi_numbers", "chosen"),
    [((2, 2, 1), "full"), ((5, 5, 1), "offload"), ((9, 1), "sequential")],
)
def test_auto_takes_the_first_preset_that_fits(gibi_numbers, chosen):
    parts = [numbers * GIB for numbers in gibi_numbers]
    assert footprint(GPU, "auto", "bfloat16", parts, GIB).memory == chosen


@pytest.mark.parametrize(
    ("device", "memory", "dtype", "said"),
    [
        (GPU, "full", "float32", "--memory offload or --dtype bfloat16 or a smaller --size"),
        (CPU, "auto", "float32", "--dtype bfloat16 or a smaller --size"),
        (CPU, "auto", "bfloat16", "Try a smaller --size."),
    ],
)
def test_what_cannot_fit_is_refused_with_what_to_try(device, memory, dtype, said):
    with pytest.raises(DeviceError) as caught:
        footprint(device, memory, dtype, [9 * GIB], GIB)
    assert "not enough memory: about" in caught.value.message
    assert said in caught.value.hint
