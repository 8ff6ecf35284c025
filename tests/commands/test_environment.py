"""`contextgen models` and `contextgen doctor`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from painting import TINY_MODEL

from contextgen_cli.errors import DeviceError
from contextgen_cli.models import devices, nvml
from contextgen_cli.models.devices import Device, choose_device, default_dtype, footprint
from contextgen_cli.models.numerics import DTYPES

GIB = 1 << 30
GPU = Device("cuda:0", "a GPU", 16 * GIB, 24 * GIB)
CPU = Device("cpu", "2 threads", 16 * GIB, 24 * GIB)
PRESETS = {GPU: ("full", "lean", "offload"), CPU: ("full",)}  # with as much on the device in each


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
    ("gibibytes", "chosen"),
    [((10, 9, 8, 0), "full"), ((26, 12, 10, 0), "lean"), ((21, 15, 13, 0), "offload"), ((24, 20, 18, 0), "sequential")],
)
def test_auto_takes_the_first_preset_that_fits(gibibytes, chosen):
    resident = dict(zip(("full", "lean", "offload", "sequential"), (each * GIB for each in gibibytes), strict=True))
    assert footprint(GPU, "auto", "bfloat16", resident, GIB).memory == chosen


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
        footprint(device, memory, dtype, dict.fromkeys(PRESETS[device], 9 * GIB * DTYPES[dtype]), GIB)
    assert "not enough memory: about" in caught.value.message
    assert said in caught.value.hint


def test_memory_must_suffice_for_every_process_that_shares_a_device():
    parts = {"full": GIB}
    roomy = Device("cpu", "2 threads", 6 * GIB, 8 * GIB)
    alone, both = (footprint(roomy, "auto", "float32", parts, GIB, processes) for processes in (1, 2))
    assert alone.needed == both.needed
    assert (str(alone).startswith("about 2.8 GiB of 6.0"), str(both)[:20]) == (True, "2 times about 2.8 Gi")
    with pytest.raises(DeviceError) as caught:
        footprint(roomy, "auto", "float32", parts, GIB, 3)
    assert "not enough memory: 3 times about 2.8 GiB of 6.0 GiB free on cpu" in caught.value.message
    assert "fewer --processes" in caught.value.hint


@pytest.mark.parametrize(
    ("gpus", "name", "ranks", "most"),
    [(0, None, 4, 4), (4, None, 8, 2), (4, "cuda", 5, 2), (4, None, 3, 1), (4, "cuda:1", 3, 3), (4, "cpu", 2, 2)],
)
def test_ranks_share_the_gpus_in_turn_and_what_is_named(gpus, name, ranks, most, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    places = [devices.for_rank(name, rank) for rank in range(ranks)]
    assert devices.sharers(name, ranks) == max(map(places.count, places)) == most


@pytest.mark.parametrize(("dtype", "size"), [("float32", 8), ("bfloat16", 4)])
def test_a_footprint_is_the_weights_the_activations_and_a_reserve(dtype, size):
    needed = footprint(GPU, "full", dtype, {"full": 2 * GIB * DTYPES[dtype]}, GIB).needed
    assert (size + 1) * GIB < needed < (size + 2) * GIB


def test_devices_by_name(monkeypatch):
    monkeypatch.setattr("contextgen_cli.models.devices.devices", lambda: [GPU, CPU])
    assert [choose_device(name) for name in (None, "cuda", "cuda:0", "cpu")] == [GPU, GPU, GPU, CPU]
    assert [default_dtype(device) for device in (GPU, CPU)] == ["bfloat16", "float32"]


@pytest.mark.parametrize(("uuid", "memory"), [("1-2", (5, 7)), ("another", (3, 4))])
def test_the_driver_is_asked_for_memory_and_cuda_only_where_it_does_not_know(uuid, memory, monkeypatch):
    def told(gpu, memory):
        memory._obj.free, memory._obj.total = 5, 7
        return 0

    driver = SimpleNamespace(
        nvmlInit_v2=lambda: 0,
        nvmlDeviceGetHandleByUUID=lambda name, gpu: 0 if name == b"GPU-1-2" else 6,
        nvmlDeviceGetMemoryInfo=told,
    )
    monkeypatch.setattr("ctypes.CDLL", lambda name: driver)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: SimpleNamespace(name="a GPU", uuid=uuid))
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda index: (3, 4))
    assert devices.devices()[0] == Device("cuda:0", "a GPU", *memory)


def test_without_the_driver_nothing_is_known(monkeypatch):
    monkeypatch.setattr("contextgen_cli.models.nvml._LIBRARY", "no-such-library.so")
    assert nvml.memory("1-2") is None


def test_presets_grow_smaller_one_by_one():
    found = ["full"]
    while (smaller := devices.smaller_preset(GPU, found[-1])) is not None:
        found.append(smaller)
    assert found == ["full", "lean", "offload", "sequential"]
    assert devices.smaller_preset(CPU, "full") is None


def test_doctor_warns_a_person_too(contextgen, tmp_path):
    assert "nothing here can render yet" in contextgen("doctor", "--model", tmp_path).err
