"""What the figures were measured on, in general words."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

_INSTRUCTIONS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX BF16"}


def describe(device: str = "cpu") -> dict[str, str]:
    """The hardware's kind and the libraries' versions; no names of hosts."""
    hardware = torch.cuda.get_device_name(device) if device.startswith("cuda") else _cpu()
    return {"machine": hardware, "torch": torch.__version__.split("+")[0], "python": platform.python_version()}


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().partition("\nflags")[2].partition("\n")[0].split()) if info.is_file() else set()
    known = [name for flag, name in _INSTRUCTIONS.items() if flag in flags]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} {platform.machine()} cores{', ' if known else ''}{', '.join(known)}"
