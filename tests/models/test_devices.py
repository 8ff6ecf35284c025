"""Which device a command gets, which each rank of a host; whether a model fits there."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from machines import put_in

from contextgen_cli.errors import DeviceError
from contextgen_cli.models import devices, nvml
from contextgen_cli.models.devices import Device, choose_device, default_dtype, footprint, rank_devices, sharers
from contextgen_cli.models.numerics import DTYPES

GIB = 1 << 30
GPU = Device("cuda:0", "a GPU", 16 * GIB, 24 * GIB)
CPU = Device("cpu", "2 threads", 16 * GIB, 24 * GIB)
PRESETS = {GPU: ("full", "lean", "offload"), CPU: ("full",)}  # with as much on the device in each


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("cuda", ["cuda:0", "cuda:1", "cpu"]),
        ("xpu", ["xpu:0", "xpu:1", "cpu"]),
        ("hpu", ["hpu", "hpu", "cpu"]),  # a process sees one, whichever is free
        ("mps", ["mps", "cpu"]),
    ],
)
def test_what_accelerate_computes_on_there_is_to_choose_from(kind, names, monkeypatch):
    put_in(monkeypatch, kind, len(names) - 1)
    assert [device.name for device in devices.devices()] == names
    assert choose_device(None).name == choose_device(kind).name == names[0]
    assert choose_device("cpu").kind == "cpu"


def test_a_machine_without_any_has_its_cpu():
    assert choose_device(None).name == choose_device("cpu").name == devices.devices()[-1].name == "cpu"


@pytest.mark.parametrize(
    ("gpus", "name", "taken"),
    [
        (0, None, ["cpu"] * 4),
        (3, None, ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]),
        (3, "cuda", ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]),
        (3, "cuda:2,0", ["cuda:2", "cuda:0", "cuda:2", "cuda:0"]),
        (3, "cuda:1", ["cuda:1"] * 4),
        (3, "cpu", ["cpu"] * 4),
    ],
)
def test_ranks_take_the_devices_in_turn(gpus, name, taken, monkeypatch):
    put_in(monkeypatch, "cuda", gpus)
    here = rank_devices(name)
    assert [here[rank % len(here)] for rank in range(4)] == taken
    assert sharers(name, 4) == max(map(taken.count, taken))
    assert choose_device(name).name == taken[0]


@pytest.mark.parametrize(
    "name", ["cuda:3", "cuda:0,3", "cuda:", "cuda:x", "cuda:-1", "xpu", "npu", "mps", "cpu:0", "gpu", "", " ", ":1"]
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name, monkeypatch):
    put_in(monkeypatch, "cuda", 2)
    for refuse in (choose_device, rank_devices):
        with pytest.raises(DeviceError, match="on this machine") as caught:
            refuse(name)
        assert f"no device {name!r}" in caught.value.message
        assert caught.value.hint == "There is: cuda:0, cuda:1, cpu."


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({"ACCELERATE_USE_CPU": "true"}, "cpu"),  # as `accelerate launch --cpu` sets it
        ({"ACCELERATE_USE_CPU": "False"}, "cuda:0"),
        ({"ACCELERATE_TORCH_DEVICE": "cuda:1"}, "cuda:1"),
    ],
)
def test_accelerate_s_environment_chooses_where_nothing_is_named(variables, chosen, monkeypatch):
    put_in(monkeypatch, "cuda", 2)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert choose_device(None).name == chosen
    assert choose_device("cuda").name == "cuda:0"


def test_asking_for_devices_opens_no_process_group_under_a_launcher(monkeypatch):
    from accelerate import PartialState
    from torch import distributed

    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "nowhere.invalid"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(PartialState, "_shared_state", {})
    put_in(monkeypatch, "cuda", 2)
    assert choose_device(None).name == "cuda:0"
    assert not distributed.is_initialized()
    assert PartialState._shared_state == {}  # a training in the same process has its own to say


@pytest.mark.parametrize(("device", "dtype"), [(GPU, "bfloat16"), (CPU, "float32")])
def test_the_number_format_suits_the_device(device, dtype):
    assert default_dtype(device) == dtype


@pytest.mark.parametrize(("known", "memory"), [("cuda-1", (5, 7)), ("another", (17 * GIB, 24 * GIB))])
def test_the_driver_is_asked_for_memory_and_cuda_only_where_it_does_not_know(known, memory, monkeypatch):
    def told(gpu, memory):
        memory._obj.free, memory._obj.total = 5, 7
        return 0

    driver = SimpleNamespace(
        nvmlInit_v2=lambda: 0,
        nvmlDeviceGetHandleByUUID=lambda name, gpu: 0 if name == f"GPU-{known}".encode() else 6,
        nvmlDeviceGetMemoryInfo=told,
    )
    monkeypatch.setattr("ctypes.CDLL", lambda name: driver)
    put_in(monkeypatch, "cuda", 2)
    assert choose_device("cuda:1") == Device("cuda:1", "cuda of the shop", *memory)


def test_a_device_with_memory_of_its_own_says_its_peak_and_begins_anew(monkeypatch):
    put_in(monkeypatch, "xpu", 2)
    said = {"xpu:1": 9 * GIB}
    monkeypatch.setattr("torch.xpu.max_memory_allocated", said.__getitem__)
    monkeypatch.setattr("torch.xpu.reset_peak_memory_stats", lambda name: said.update({name: 0}))
    peaks = [devices.peak_bytes(choose_device("xpu:1")) for _ in range(2)]
    assert peaks == [9 * GIB, 0]
    on_cpu = devices.peak_bytes(CPU)
    assert on_cpu is None or on_cpu > 1 << 20


@pytest.mark.parametrize(
    ("name", "processes", "words"),
    [("cuda:0", 3, "3 processes with a picture between them need 3 GPUs; this machine has 2"), ("mps", 2, "on mps")],
)
def test_a_picture_is_not_shared_by_more_processes_than_devices(name, processes, words, monkeypatch):
    put_in(monkeypatch, "cuda", 2)
    with pytest.raises(DeviceError, match=words):
        devices.check_together(dataclasses.replace(GPU, name=name), processes)
    devices.check_together(GPU, 2)
    devices.check_together(CPU, 64)


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


@pytest.mark.parametrize(("dtype", "size"), [("float32", 8), ("bfloat16", 4)])
def test_a_footprint_is_the_weights_the_activations_and_a_reserve(dtype, size):
    needed = footprint(GPU, "full", dtype, {"full": 2 * GIB * DTYPES[dtype]}, GIB).needed
    assert (size + 1) * GIB < needed < (size + 2) * GIB


def test_without_the_driver_nothing_is_known(monkeypatch):
    monkeypatch.setattr("contextgen_cli.models.nvml._LIBRARY", "no-such-library.so")
    assert nvml.memory("1-2") is None


def test_presets_grow_smaller_one_by_one():
    found = ["full"]
    while (smaller := devices.smaller_preset(GPU, found[-1], ("full", "lean", "sequential"))) is not None:
        found.append(smaller)
    assert found == ["full", "lean", "sequential"]
    assert devices.smaller_preset(GPU, "full", ("full",)) is None
    assert devices.smaller_preset(CPU, "full", ("full", "lean")) is None
