"""Encoded prompts on the disk, so that another run need not encode them: safetensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

Embeddings = tuple[torch.Tensor, torch.Tensor]  # T5 sequence (1, T, D) and CLIP vector (1, P)

_NAMES = ("prompt_embeds", "pooled_prompt_embeds")
_log = logging.getLogger(__name__)


class TextCache:
    """A folder of encoded prompts.

    A file is found again by the model, the encoded text and all else that its numbers depend on. One that is damaged is
    said so and written anew; where none can be written, that is said once. A prompt of FLUX takes 4 MB in bfloat16.
    """

    def __init__(self, folder: Path, model: str) -> None:
        """
        Args:
            model: the digest of the model's files.

        Raises:
            OSError: the folder cannot be made.
        """
        self._folder, self._model, self._writable = folder, model, True
        folder.mkdir(parents=True, exist_ok=True)

    def get(
        self, text: str, length: int, dtype: torch.dtype, device: torch.device, encode: Callable[[], Embeddings]
    ) -> Embeddings:
        """The embeddings of a text of so many tokens on a device; `encode` makes them where they are not there yet."""
        stated = (self._model, text, str(length), str(dtype), device.type, torch.__version__)
        file = self._folder / (hashlib.sha256("\0".join(stated).encode()).hexdigest() + ".safetensors")
        kept = _read(file)
        if kept is None:
            kept = encode()
            self._keep(file, kept)
        first, second = (tensor.to(device) for tensor in kept)
        return first, second

    def _keep(self, file: Path, embeddings: Embeddings) -> None:
        if not self._writable:
            return
        try:
            _write(file, embeddings)
        except (OSError, SafetensorError) as error:  # the latter from a disk that is full
            self._writable = False
            reason = getattr(error, "strerror", None) or error
            _log.warning("%s cannot be written: %s; encoded prompts are not kept", self._folder, reason)


def _read(file: Path) -> Embeddings | None:
    """What a file holds; None where there is none, or none that is whole."""
    try:
        with safe_open(file, "pt") as stream:
            first, second = (stream.get_tensor(name) for name in _NAMES)
            stated = (stream.metadata() or {}).get("sha256")
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError) as error:
        _log.warning("%s cannot be read and is written anew: %s", file.name, error)
        return None
    if stated != _checksum((first, second)):
        _log.warning("%s is damaged and is written anew", file.name)
        return None
    return first, second


def _write(file: Path, embeddings: Embeddings) -> None:
    tensors = {name: tensor.cpu().contiguous() for name, tensor in zip(_NAMES, embeddings, strict=True)}
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".tmp")
    os.close(handle)
    try:
        save_file(tensors, name, {"sha256": _checksum(embeddings)})
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)


def _checksum(embeddings: Embeddings) -> str:
    state = hashlib.sha256()
    for tensor in embeddings:
        state.update(tensor.cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return state.hexdigest()
