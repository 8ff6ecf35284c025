"""Where to compute, and whether a model fits there: devices, number formats and memory presets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contextgen.backends.choices import SHARED_MEMORY
from contextgen_cli.errors import DeviceError
from contextgen_cli.models import nvml
from contextgen_cli.models.cpus import cpu_room
from contextgen_cli.models.numerics import DTYPES

_GIBIBYTE = 1 << 30
_RESERVE = 1 << 29  # what the driver and its libraries take beside tensors
_SLACK = 1.05  # beside weights: pieces that a GPU's allocator holds and cannot reuse (measured: 3 to 11 %)
_CPU_RESERVE = 3 << 28  # what Python and the libraries take in the main memory
_UNNUMBERED = ("cpu", "mps", "hpu")  # one of a kind; of HPUs a process sees one, the next that is free


@dataclass(frozen=True, slots=True)
class Device:
    """A place to compute: its torch name, what it is, and its memory in bytes."""

    name: str
    description: str
    free: int
    total: int

    @property
    def kind(self) -> str:
        """`cuda` of `cuda:1`."""
        return self.name.partition(":")[0]

    @property
    def has_own_memory(self) -> bool:
        """Whether there is main memory beside its own, to keep parts of a model in."""
        return self.name not in SHARED_MEMORY


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
    """What accelerate computes on here, the devices of the fastest kind first, the CPU last."""
    return [_describe(name) for name in _names()]


def choose_device(name: str | None) -> Device:
    """The device called `name`, of several named the first; without a name the fastest, unless accelerate's
    environment names another.

    Raises:
        DeviceError: there is no such device.
    """
    return _describe(rank_devices(name)[0])


def rank_devices(name: str | None) -> tuple[str, ...]:
    """The devices that the ranks of one host take in turn: all of a kind (`cuda`), one (`cuda:1`) or several
    (`cuda:0,2`); without a name, as for `choose_device`.

    Raises:
        DeviceError: there is no such device.
    """
    asked = _default() if name is None else name
    kind, numbered, numbers = asked.partition(":")
    there = _of_kind(kind)
    wanted = tuple(f"{kind}:{number}" for number in numbers.split(",")) if numbered else there
    if not there or not set(wanted) <= set(there):
        hint = f"There is: {', '.join(dict.fromkeys((*_names(), *there)))}."
        raise DeviceError(f"no device {asked!r} on this machine", hint=hint)
    return wanted


def make_current(device: Device) -> None:
    """Let what names no device, such as the libraries of some vendors, use this one."""
    import torch

    if ":" in device.name:
        torch.get_device_module(device.name).set_device(device.name)


def sharers(name: str | None, ranks: int) -> int:
    """The most of so many ranks on this host that will share one device, by what `rank_devices` gives them."""
    return -(-ranks // len(rank_devices(name)))


def check_together(device: Device, processes: int) -> None:
    """See that so many processes can paint one picture, each on a device of its own or on its share of the cores.

    Raises:
        DeviceError: there are too few GPUs, or they cannot exchange what they compute.
    """
    if device.name == "mps":
        raise DeviceError("several processes cannot share a picture on mps", hint="Leave --parallel out.")
    if device.name != "cpu" and (count := len(_of_kind(device.kind))) < processes:
        raise DeviceError(
            f"{processes} processes with a picture between them need {processes} GPUs; this machine has {count}",
            hint="Give a smaller --parallel.",
        )


def give_back_memory() -> None:
    """Let go of what is kept for later use."""
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache(garbage_collection=True)


def peak_bytes(device: Device) -> int | None:
    """The most memory in use on a GPU since this was asked last; elsewhere, of this process in its whole life."""
    import torch

    if device.has_own_memory:
        kind = torch.get_device_module(device.name)
        most = kind.max_memory_allocated(device.name)
        kind.reset_peak_memory_stats(device.name)
        return int(most)
    return _most_resident()


def _most_resident() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def smaller_preset(device: Device, preset: str, presets: Sequence[str]) -> str | None:
    """Of a family's presets, the one that keeps less of a model on the device; None where there is none."""
    if not device.has_own_memory:
        return None
    return next(iter(presets[presets.index(preset) + 1 :]), None)


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
    if smallest.memory == "full" and smallest.device.has_own_memory:
        advice.insert(0, "--memory offload")
    return DeviceError(f"not enough memory: {smallest}", hint=f"Try {' or '.join(advice)}.")


def _default() -> str:
    """Where accelerate computes if nothing is named."""
    from accelerate.utils import parse_flag_from_env

    if parse_flag_from_env("ACCELERATE_USE_CPU"):
        return "cpu"
    return os.environ.get("ACCELERATE_TORCH_DEVICE") or _accelerator()


def _accelerator() -> str:
    """The fastest kind of device that accelerate finds: cuda (ROCm's too), xpu, npu, hpu, mps, ...; or cpu."""
    from accelerate import PartialState

    # Without its `__init__`, which under a launcher opens a process group, and on CUDA starts nvidia-smi to judge links
    # between GPUs that no rank uses.
    kind: str = PartialState.__new__(PartialState).default_device.type
    return kind


def _names() -> tuple[str, ...]:
    kind = _accelerator()
    return ("cpu",) if kind == "cpu" else (*_of_kind(kind), "cpu")


def _of_kind(kind: str) -> tuple[str, ...]:
    """The devices of a kind; none where torch does not know it, or its vendor's library finds none."""
    import torch

    try:
        count = torch.get_device_module(kind).device_count()
    except RuntimeError:
        return ()
    return (kind,) * count if kind in _UNNUMBERED else tuple(f"{kind}:{number}" for number in range(count))


def _describe(name: str) -> Device:
    import torch

    free, total = _main_memory()
    if name == "cpu":
        return Device(name, f"{cpu_room(looking=False).allowed} CPUs", free, total)
    if name == "mps":
        return Device(name, "Apple GPU, shares the main memory", free, total)
    kind, _, number = name.partition(":")
    there, index = torch.get_device_module(kind), int(number or 0)
    known = nvml.memory(str(there.get_device_properties(index).uuid)) if kind == "cuda" else None
    return Device(name, there.get_device_name(index), *(known or there.mem_get_info(index)))


def _main_memory() -> tuple[int, int]:
    """Free and total bytes of main memory."""
    import psutil  # type: ignore[import-untyped]  # comes with accelerate

    memory = psutil.virtual_memory()
    return memory.available, memory.total
