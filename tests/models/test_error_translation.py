"""Foreign errors become ours, with a hint: the table is complete."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError

from contextgen.backends.unsupported import Unsupported
from contextgen.weights import checkpoint_errors
from contextgen_cli.errors import DeviceError, DeviceLost, EnvironmentProblem, JobError, OutputError, WeightsError
from contextgen_cli.models import error_translation

ANSWER = SimpleNamespace(headers={}, request=None, status_code=403)
CHECKPOINT_ERRORS = [
    kind
    for kind in vars(checkpoint_errors).values()
    if isinstance(kind, type) and issubclass(kind, checkpoint_errors.CheckpointError)
]


@pytest.mark.parametrize("border", [error_translation.opening, error_translation.painting])
@pytest.mark.parametrize("kind", CHECKPOINT_ERRORS)
def test_every_checkpoint_error_is_the_weights(kind, border):
    with pytest.raises(WeightsError) as caught, border():
        raise kind("what is wrong", "what to do")
    assert (caught.value.message, caught.value.hint) == ("what is wrong", "what to do")


@pytest.mark.parametrize(
    ("border", "error", "ours"),
    [
        (error_translation.opening, torch.OutOfMemoryError("CUDA out of memory"), DeviceError),
        (error_translation.painting, torch.OutOfMemoryError("CUDA out of memory"), JobError),
        (error_translation.painting, RuntimeError("DefaultCPUAllocator: can't allocate memory"), JobError),
        (error_translation.painting, MemoryError(), JobError),
        (error_translation.painting, torch.AcceleratorError("CUDA error: an illegal memory access"), DeviceLost),
        (error_translation.opening, KeyError("broken install"), EnvironmentProblem),
        (error_translation.opening, SafetensorError("header too large"), WeightsError),
        (error_translation.opening, OSError("no file named config.json"), WeightsError),
        (error_translation.opening, ValueError("contextgen.json: unknown key"), WeightsError),
        (error_translation.opening, OSError(errno.ENOSPC, "No space left on device"), OutputError),
        (
            error_translation.training,
            SafetensorError(f"I/O error: No space left on device (os error {errno.ENOSPC})"),
            OutputError,
        ),
        (error_translation.opening, OSError(errno.EDQUOT, "Disk quota exceeded"), OutputError),
        (error_translation.opening, MemoryError(), DeviceError),
        (error_translation.opening, RuntimeError("CUDA error: out of memory"), DeviceError),
        (error_translation.painting, HFValidationError("Repo id must be in the form"), WeightsError),
        (error_translation.painting, LocalEntryNotFoundError("no connection"), WeightsError),
        (error_translation.painting, HfHubHTTPError("refused", response=ANSWER), WeightsError),
        (error_translation.painting, ValueError("the mask is empty"), JobError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_becomes_of_an_error(border, error, ours):
    with pytest.raises(ours), border():
        raise error


def test_what_the_machine_cannot_do_is_said_with_what_to_install():
    with pytest.raises(EnvironmentProblem) as caught, error_translation.opening():
        raise Unsupported("int8 needs the package torchao", "Install it")
    assert (caught.value.message, caught.value.hint) == ("int8 needs the package torchao", "Install it")


def test_running_out_of_memory_says_what_to_try():
    with pytest.raises(JobError) as caught, error_translation.painting():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
    assert "--size" in caught.value.hint
    assert "--memory offload" in caught.value.hint


def test_a_bug_stays_a_bug():
    with pytest.raises(KeyError), error_translation.painting():
        raise KeyError("spans")
