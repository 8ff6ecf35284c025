"""What NVIDIA's driver says of a GPU. CUDA would say it too, but opens a context there to do so: hundreds of MiB, for
as long as the process lives, be it only one that plans and watches over others.
"""

from __future__ import annotations

import ctypes
import os

_LIBRARY = "nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1"


class _Memory(ctypes.Structure):
    """`nvmlMemory_t`, in bytes."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


def memory(uuid: str) -> tuple[int, int] | None:
    """Free and total bytes of the GPU with this UUID; None where there is no such driver, or it knows no such GPU."""
    gpu, found = ctypes.c_void_p(), _Memory()
    try:
        driver = ctypes.CDLL(_LIBRARY)
        failed = (
            driver.nvmlInit_v2()
            or driver.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode(), ctypes.byref(gpu))
            or driver.nvmlDeviceGetMemoryInfo(gpu, ctypes.byref(found))
        )
    except (OSError, AttributeError):
        return None
    return None if failed else (found.free, found.total)
