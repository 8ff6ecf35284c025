"""Where to compute, and whether a model fits there: devices, number formats and memory presets."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from contextgen_cli.errors import DeviceError
from contextgen_cli.models import nvml
from contextgen_cli.models.numerics import DTYPES, MEMORY_PRESETS

_GIBIBYTE = 1 << 30
_RESERVE = 1 << 29  # what the driver and its libraries take beside tensors
_SLACK = 1.05  # beside weights: pieces that a GPU's allocator holds and cannot reuse (measured: 3 to 11 %)
_CPU_RESERVE = 3 << 28  # what Python and the libraries take in the main memory


@dataclass(frozen=True, slots=True)
class Device:
    """A place to compute: its torch name, what it is, and its memory in bytes."""

    name: str
    description: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """The memory that a model is predicted to take on its device under the preset chosen for it."""

    device: Device
    memory: str
    needed: int
    activations: int  # of these, for the picture at work
    processes: int = 1  # that share the device, each with a model of its own

    def needed_for(self, activations: int) -> int:
        """The same for a picture that takes another amount."""
        return self.needed - self.activations + activations

    def __str__(self) -> str:
        each = f"{self.processes} times " if self.processes > 1 else ""
        free = gibibytes(self.device.free)
        return f"{each}about {gibibytes(self.needed)} of {free} free on {self.device.name}, --memory {self.memory}"


def devices() -> list[Device]:
    """What this machine can compute on, the fastest first."""
    import torch

    found = []
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        free, total = nvml.memory(str(gpu.uuid)) or torch.cuda.mem_get_info(index)
        found.append(Device(f"cuda:{index}", gpu.name, free, total))
    free, total = _main_memory()
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU, shares the main memory", free, total))
    return [*found, Device("cpu", f"{torch.get_num_threads()} threads", free, total)]


def choose_device(name: str | None) -> Device:
    """The device called `name`, or the fastest.

    Raises:
        DeviceError: there is no such device.
    """
    found = devices()
    if name is None:
        return found[0]
    wanted = "cuda:0" if name == "cuda" else name
    for device in found:
        if device.name == wanted:
            return device
    there = ", ".join(device.name for device in found)
    raise DeviceError(f"no device {name!r} on this machine", hint=f"There is: {there}.")


def for_rank(name: str | None, local_rank: int) -> str | None:
    """The device of a rank among several on one host, where it is not named: the GPUs in turn."""
    import torch

    count = torch.cuda.device_count()
    return f"cuda:{local_rank % count}" if count and name in (None, "cuda") else name


def ranks_here(name: str | None) -> int:
    """How many ranks suit this host: one a GPU; one where there is none, as it uses every core."""
    import torch

    return max(1, torch.cuda.device_count()) if name in (None, "cuda") else 1


def sharers(name: str | None, ranks: int) -> int:
    """The most of so many ranks on this host that will share one device, by what `for_rank` gives them."""
    import torch

    gpus = torch.cuda.device_count() if name in (None, "cuda") else 0
    return -(-ranks // gpus) if gpus else ranks


def check_together(device: Device, processes: int) -> None:
    """See that so many processes can paint one picture, each on a device of its own or on its share of the cores.

    Raises:
        DeviceError: there are too few GPUs, or they cannot exchange what they compute.
    """
    import torch

    if device.name == "mps":
        raise DeviceError("several processes cannot share a picture on mps", hint="Leave --parallel out.")
    if device.name != "cpu" and (count := torch.cuda.device_count()) < processes:
        raise DeviceError(
            f"{processes} processes with a picture between them need {processes} GPUs; this machine has {count}",
            hint="Give a smaller --parallel.",
        )


def share_cores(ranks: int) -> None:
    """Let each of several ranks on a CPU compute on its share of the cores, unless OMP_NUM_THREADS says otherwise."""
    import torch

    if ranks > 1 and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // ranks))


def give_back_memory() -> None:
    """Let go of what is kept for later use."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def peak_bytes(device: Device) -> int | None:
    """The most memory in use on a GPU since this was asked last; elsewhere, of this process in its whole life."""
    import torch

    if device.name.startswith("cuda"):
        most = torch.cuda.max_memory_allocated(device.name)
        torch.cuda.reset_peak_memory_stats(device.name)
        return int(most)
    return _most_resident()


def _most_resident() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def smaller_preset(device: Device, preset: str) -> str | None:
    """The preset that keeps less of a model on the device; None where there is none."""
    if device.name in ("cpu", "mps"):
        return None
    order = [name for name in MEMORY_PRESETS if name != "auto"]
    return next(iter(order[order.index(preset) + 1 :]), None)


def default_dtype(device: Device) -> str:
    """bfloat16, which the released weights are stored in; float32 on a CPU, where it is the faster one."""
    return "float32" if device.name == "cpu" else "bfloat16"


def footprint(
    device: Device, memory: str, dtype: str, resident: Mapping[str, int], activations: int, processes: int = 1
) -> Footprint:
    """What a model will take of which each preset keeps so many bytes `resident`; `auto` takes the first preset with
    which as many as there are `processes` fit.

    Raises:
        DeviceError: it cannot fit.
    """
    presets = list(resident) if memory == "auto" else [memory]
    if memory not in (*resident, "auto"):
        raise DeviceError(
            f"--memory {memory} needs a device with memory of its own; {device.name} has none",
            hint="Use --memory full.",
        )
    slack, reserve = (1.0, _CPU_RESERVE) if device.name == "cpu" else (_SLACK, _RESERVE)
    choices = [
        Footprint(device, preset, int(resident[preset] * slack) + activations + reserve, activations, processes)
        for preset in presets
    ]
    for choice in choices:
        if choice.needed * processes <= device.free:
            return choice
    raise _too_large(choices[-1], dtype)


def gibibytes(size: int) -> str:
    """Sizes of memory count in powers of two."""
    return f"{size / _GIBIBYTE:.1f} GiB"


def disk_size(size: int) -> str:
    """Sizes on disks and of downloads count in powers of ten."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _too_large(smallest: Footprint, dtype: str) -> DeviceError:
    advice = ["a smaller --size"]
    if smallest.processes > 1:
        advice.insert(0, "fewer --processes")
    if DTYPES[dtype] > min(DTYPES.values()):
        advice.insert(0, "--dtype bfloat16")
    if smallest.memory == "full" and smallest.device.name.startswith("cuda"):
        advice.insert(0, "--memory offload")
    return DeviceError(f"not enough memory: {smallest}", hint=f"Try {' or '.join(advice)}.")


def _main_memory() -> tuple[int, int]:
    """Free and total bytes of main memory."""
    import psutil  # type: ignore[import-untyped]  # comes with accelerate

    memory = psutil.virtual_memory()
    return memory.available, memory.total
