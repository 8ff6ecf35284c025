"""`--processes auto`: a rank a device, or what a file of `accelerate config` says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from accelerate.commands.config import config_args
from accelerate.commands.config.default import write_basic_config
from machines import put_in
from painting import TINY_MODEL

from contextgen_cli.errors import DeviceError, EnvironmentProblem
from contextgen_cli.models.accelerate_config import LocalRanks, suitable_ranks

# As `accelerate config` writes it for two hosts with four GPUs each, of which it was told three.
TWO_HOSTS = """\
compute_environment: LOCAL_MACHINE
debug: false
distributed_type: MULTI_GPU
downcast_bf16: 'no'
enable_cpu_affinity: false
gpu_ids: 0,2,3
machine_rank: 0
main_process_ip: node-a
main_process_port: 29500
main_training_function: main
mixed_precision: bf16
num_machines: 2
num_processes: 6
rdzv_backend: static
same_network: true
tpu_env: []
tpu_use_cluster: false
tpu_use_sudo: false
use_cpu: false
"""


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """Where accelerate looks for its file; there is none yet."""
    path = tmp_path / "default_config.yaml"
    monkeypatch.setattr(config_args, "default_config_file", str(path))
    return path


@pytest.mark.parametrize(
    ("gpus", "device", "count"), [(0, None, 1), (3, None, 3), (3, "cuda", 3), (3, "cuda:1", 1), (3, "cuda:0,2", 2)]
)
def test_without_a_file_each_device_has_a_rank(gpus, device, count, file, monkeypatch):
    put_in(monkeypatch, "cuda", gpus)
    assert suitable_ranks(device) == LocalRanks(count, device)


@pytest.mark.parametrize(
    ("changes", "ranks"),
    [
        ({}, LocalRanks(3, "cuda:0,2,3")),
        ({"gpu_ids: 0,2,3": "gpu_ids: all"}, LocalRanks(3, None)),
        ({"gpu_ids: 0,2,3": "gpu_ids: 1"}, LocalRanks(3, "cuda:1")),  # three that share it: memory is checked later
        ({"num_machines: 2": "num_machines: 1", "use_cpu: false": "use_cpu: true"}, LocalRanks(6, "cpu")),
        ({"num_processes: 6": "num_processes: -1"}, LocalRanks(3, "cuda:0,2,3")),  # to be given with each command
        ({"num_processes: 6\n": ""}, LocalRanks(3, "cuda:0,2,3")),
    ],
)
def test_a_file_says_how_many_and_on_what(changes, ranks, file, monkeypatch):
    put_in(monkeypatch, "cuda", 4)
    content = TWO_HOSTS
    for old, new in changes.items():
        assert old in content
        content = content.replace(old, new)
    file.write_text(content)
    assert suitable_ranks(None) == ranks
    assert suitable_ranks("cuda") == LocalRanks(4, "cuda")  # what is typed counts more


@pytest.mark.parametrize("gpus", [0, 3])
def test_accelerate_s_own_default_file_is_read(gpus, file, monkeypatch):
    put_in(monkeypatch, "cuda", gpus)
    write_basic_config(save_location=str(file))
    assert suitable_ranks(None) == (LocalRanks(3, None) if gpus else LocalRanks(1, "cpu"))


def test_a_file_in_json_is_read_too(file, monkeypatch):
    path = file.with_suffix(".json")
    monkeypatch.setattr(config_args, "default_config_file", str(path))
    stated = {"distributed_type": "NO", "mixed_precision": "no", "num_processes": 2, "use_cpu": True}
    path.write_text(json.dumps({"compute_environment": "LOCAL_MACHINE", "debug": False, **stated}))
    assert suitable_ranks(None) == LocalRanks(2, "cpu")


def test_numbers_of_gpus_mean_nothing_where_there_are_none(file):
    file.write_text(TWO_HOSTS)
    assert suitable_ranks(None) == LocalRanks(3, None)


@pytest.mark.parametrize(
    "content",
    ["", "[", "yes", "num_processes: 2", TWO_HOSTS + "colour: red\n", TWO_HOSTS + "\x00"],
)
def test_a_file_that_accelerate_cannot_read_is_named(content, file):
    file.write_text(content)
    with pytest.raises(EnvironmentProblem, match=r"is no configuration of accelerate's: .+") as caught:
        suitable_ranks(None)
    assert str(file) in caught.value.message
    assert "accelerate config" in caught.value.hint
    assert suitable_ranks("cpu") == LocalRanks(1, "cpu")


def test_a_gpu_that_is_not_there_is_refused(file, monkeypatch):
    put_in(monkeypatch, "cuda", 2)
    file.write_text(TWO_HOSTS.replace("num_processes: 6\n", ""))
    with pytest.raises(DeviceError, match="no device 'cuda:0,2,3' on this machine"):
        suitable_ranks(None)


def test_render_takes_what_the_file_says(contextgen, scene, file, monkeypatch):
    put_in(monkeypatch, "cuda", 4)
    command = ("render", scene, "--model", TINY_MODEL, "--count", 4, "--dry-run", "--processes", "auto")
    file.write_text(TWO_HOSTS.replace("use_cpu: false", "use_cpu: true"))
    words = contextgen(*command).err
    assert ("3 times about" in words, "free on cpu" in words) == (True, True)
    assert "times about" not in contextgen(*command, "--processes", 1).err
    assert "times about" not in contextgen(*command, "--device", "cpu").err
    file.write_text("[")
    refused = contextgen(*command)
    assert (refused.code, "is no configuration of accelerate's" in refused.err) == (3, True)
