"""Foreign errors become ours, with a hint: the table is complete."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError

from contextgen import checkpoints
from contextgen.unsupported import Unsupported
from contextgen_cli import foreign
from contextgen_cli.errors import DeviceError, DeviceLost, EnvironmentProblem, JobError, OutputError, WeightsError

ANSWER = SimpleNamespace(headers={}, request=None, status_code=403)
CHECKPOINT_ERRORS = [
    kind
    for kind in vars(checkpoints).values()
    if isinstance(kind, type) and issubclass(kind, checkpoints.CheckpointError)
]


@pytest.mark.parametrize("border", [foreign.opening, foreign.painting])
@pytest.mark.parametrize("kind", CHECKPOINT_ERRORS)
def test_every_checkpoint_error_is_the_weights(kind, border):
    with pytest.raises(WeightsError) as caught, border():
        raise kind("what is wrong", "what to do")
    assert (caught.value.message, caught.value.hint) == ("what is wrong", "what to do")


@pytest.mark.parametrize(
    ("border", "error", "ours"),
    [
        (foreign.opening, torch.OutOfMemoryError("CUDA out of memory"), DeviceError),
        (foreign.painting, torch.OutOfMemoryError("CUDA out of memory"), JobError),
        (foreign.painting, RuntimeError("DefaultCPUAllocator: can't allocate memory"), JobError),
        (foreign.painting, MemoryError(), JobError),
        (foreign.painting, torch.AcceleratorError("CUDA error: an illegal memory access"), DeviceLost),
        (foreign.opening, KeyError("broken install"), EnvironmentProblem),
        (foreign.opening, SafetensorError("header too large"), WeightsError),
        (foreign.opening, OSError("no file named config.json"), WeightsError),
        (foreign.opening, ValueError("contextgen.json: unknown key"), WeightsError),
        (foreign.opening, OSError(errno.ENOSPC, "No space left on device"), OutputError),
        (foreign.opening, OSError(errno.EDQUOT, "Disk quota exceeded"), OutputError),
        (foreign.opening, MemoryError(), DeviceError),
        (foreign.opening, RuntimeError("CUDA error: out of memory"), DeviceError),
        (foreign.painting, HFValidationError("Repo id must be in the form"), WeightsError),
        (foreign.painting, LocalEntryNotFoundError("no connection"), WeightsError),
        (foreign.painting, HfHubHTTPError("refused", response=ANSWER), WeightsError),
        (foreign.painting, ValueError("the mask is empty"), JobError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_becomes_of_an_error(border, error, ours):
    with pytest.raises(ours), border():
        raise error


def test_what_the_machine_cannot_do_is_said_with_what_to_install():
    with pytest.raises(EnvironmentProblem) as caught, foreign.opening():
        raise Unsupported("int8 needs the package torchao", "Install it")
    assert (caught.value.message, caught.value.hint) == ("int8 needs the package torchao", "Install it")


def test_running_out_of_memory_says_what_to_try():
    with pytest.raises(JobError) as caught, foreign.painting():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
    assert "--size" in caught.value.hint
    assert "--memory offload" in caught.value.hint


def test_a_bug_stays_a_bug():
    with pytest.raises(KeyError), foreign.painting():
        raise KeyError("spans")
