"""NaN and infinity, wherever numbers come in or go out: what has them is no weight and no picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open

from contextgen.weights.checkpoint_errors import FolderIncomplete


class NotFinite(FloatingPointError):
    """A picture whose numbers are not."""


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether every number of a tensor is one; reads it at the speed of the memory."""
    if tensor.is_meta or tensor.numel() == 0 or not tensor.is_floating_point():
        return True
    if tensor.dtype.itemsize == 1:
        tensor = tensor.float()  # torch compares no float8
    least, most = torch.aminmax(tensor)  # NaN is both
    return bool(torch.isfinite(least) & torch.isfinite(most))


def refuse_not_finite(numbers: torch.Tensor, what: str, dtype: torch.dtype) -> None:
    """See that a result computed in `dtype` is one: as pixels, NaN would be black.

    Raises:
        NotFinite: it is not.
    """
    if not is_finite(numbers):
        raise NotFinite(f"NaN or infinity in {what}, computed in {str(dtype).removeprefix('torch.')}")


def check_numbers(files: Iterable[Path]) -> None:
    """Refuse safetensors files with NaN or infinity in them; every number is read.

    Raises:
        FolderIncomplete: names the file and the tensor.
    """
    for file in files:
        with safe_open(file, "pt") as stream:
            for name in stream.keys():  # noqa: SIM118  no mapping
                if not is_finite(stream.get_tensor(name)):
                    raise FolderIncomplete(f"{file}: {name} holds NaN or infinity", "Fetch the file again.")
