"""Safetensors by their headers: which files a component is read from, and what they hold. No tensor is read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from contextgen.weights.json_files import read_object

_NAMES = ("diffusion_pytorch_model.safetensors", "model.safetensors")  # diffusers', transformers'
_GIT_LFS = b"version https://git-lfs"
_PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")
_FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
_COUNTS = "I64"  # as buffers number positions; the family knows which
_MOST_TENSORS = 20_000  # of a component or an adapter; the largest have a tenth
_LARGEST_HEADER = 1 << 23  # bytes
_BLOCK = 1 << 20  # bytes that are read at a time
_LONGEST_NAME = 120  # letters of it in a message
_SCALES = re.compile(r"(^|\.)(weight_scale(_inv)?|scale_weight|input_scale|scale_input|scaled_fp8)$")
UNQUANTIZED = "Take the weights in bfloat16: --quantize makes them smaller when they are loaded."


class QuantizedWeights(ValueError):
    """Numbers of a format that nothing here reads."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as a header has it: its file, its dtype (`F32`, `BF16`, ...) and its shape."""

    file: Path
    dtype: str
    shape: tuple[int, ...]


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of a file, by name.

    Raises:
        ValueError: it is no whole safetensors file; the words begin with its name.
    """
    if not file.is_file():  # a pipe would be waited for
        raise ValueError(f"{file.name}: no regular file")
    _check_length(file)
    try:
        with safe_open(file, "np") as stream:
            names = stream.keys()
            _check_count(file, len(names))
            slices = {name: stream.get_slice(name) for name in names}
            return {
                name: StoredTensor(file, part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        words = str(error).removeprefix("Error while deserializing header: ")
        raise ValueError(f"{file.name}: not a whole safetensors file: {_pointer(file) or words}") from error


def read_headers(files: Iterable[Path]) -> dict[str, StoredTensor]:
    """The tensors of several files that belong together, by name.

    Raises:
        QuantizedWeights: one holds other numbers than floating-point ones.
        ValueError: one is not whole, or holds what another holds too; the words begin with the file's name.
    """
    found: dict[str, StoredTensor] = {}
    for file in files:
        held = read_header(file)
        _check_count(file, len(found) + len(held))
        _check_numbers(file, held)
        if twice := sorted(held.keys() & found.keys()):
            raise ValueError(f"several files hold {twice[0]}: {found[twice[0]].file.name} and {file.name}")
        found |= held
    return found


def weight_files(component: Path) -> list[Path]:
    """The files that a component in diffusers' or transformers' format is loaded from: one, or the shards of its index.

    Raises:
        ValueError: there is none, or more than one way to load it; the words name what is in the way.
    """
    single = [component / name for name in _NAMES if (component / name).is_file()]
    if (index := _index(component)) is not None:
        shards = [component / name for name in sorted(set(_weight_map(index).values()))]
        if single:
            raise ValueError(f"{single[0].name} and {index.name} are both there, and only one can be meant")
        return shards
    if single:
        return single[:1]
    if any(component.glob("*.safetensors")):
        raise ValueError(f"neither {_NAMES[0]} nor {_NAMES[1]} is there")
    pickled = any(file.suffix in _PICKLES for file in component.iterdir())
    raise ValueError("its weights are pickled; only safetensors are loaded" if pickled else "no *.safetensors is there")


def count_numbers(tensors: Mapping[str, StoredTensor], name: str = "") -> int:
    """How many numbers tensors hold, of those in whose name the regular expression `name` finds something."""
    return sum(math.prod(tensor.shape) for key, tensor in tensors.items() if re.search(name, key))


def holds_zeros(file: Path, name: str) -> bool:
    """Whether a tensor of a file that `read_header` has accepted holds nothing but zeros; reads up to the first other.

    Its bytes are looked at, as numpy knows no bfloat16.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        start, end = json.loads(stream.read(length))[name]["data_offsets"]
        stream.seek(8 + length + start)
        for at in range(start, end, _BLOCK):
            if stream.read(min(_BLOCK, end - at)).strip(b"\0"):
                return False
    return True


def some(names: Sequence[str], most: int = 3) -> str:
    """The first of many names, and how many more there are."""
    shown = (name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in names[:most])
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def _pointer(file: Path) -> str | None:
    """What is left of a file where Git's large files were not fetched."""
    with file.open("rb") as stream:
        left = stream.read(len(_GIT_LFS)) == _GIT_LFS
    return "a pointer of Git LFS, whose content is fetched with `git lfs pull`" if left else None


def _index(component: Path) -> Path | None:
    return next((index for name in _NAMES if (index := component / f"{name}.index.json").is_file()), None)


def _weight_map(index: Path) -> dict[str, str]:
    """Tensor -> the name of the shard beside the index that holds it."""
    try:
        stated = read_object(index).get("weight_map")
    except ValueError as error:
        raise ValueError(f"{index.name} is no index of shards: {error}") from error
    if not (isinstance(stated, dict) and stated):
        raise ValueError(f"{index.name} is no index of shards: its weight_map does not say where tensors are")
    for name in sorted({str(name) for name in stated.values()}):
        if Path(name).name != name or Path(name).suffix != ".safetensors":
            raise ValueError(f"{index.name}: {name!r} is no name of a safetensors file beside it")
        if not (index.parent / name).is_file():
            raise ValueError(f"{name} is missing")
    return stated


def _check_length(file: Path) -> None:
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
    if _LARGEST_HEADER < length < file.stat().st_size:  # what is longer than its file is told by the library
        raise ValueError(f"{file.name}: a header of {length:,} bytes, and {_LARGEST_HEADER:,} are the most")


def _check_count(file: Path, tensors: int) -> None:
    if tensors > _MOST_TENSORS:
        raise ValueError(f"{file.name}: {tensors:,} tensors, and {_MOST_TENSORS:,} are the most that a model has")


def _check_numbers(file: Path, held: Mapping[str, StoredTensor]) -> None:
    scales = sorted(name for name in held if _SCALES.search(name))
    if scales and any(tensor.dtype.startswith("F8") for tensor in held.values()):
        raise QuantizedWeights(
            f"{file.name}: its float8 weights have scales beside them, such as {scales[0]}, which are not applied here"
        )
    for name, tensor in held.items():
        if tensor.dtype not in (*_FLOATS, _COUNTS):
            raise QuantizedWeights(f"{file.name}: {name} holds {tensor.dtype}, where floating-point numbers belong")
