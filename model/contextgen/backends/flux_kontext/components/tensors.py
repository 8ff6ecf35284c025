"""The tensors that a folder's components need, held against those that their files have, before any is read.

Each component is built on torch's meta device by the library that will load it, whose own lists say which tensors are
tied to others, renamed, or left unread by intention.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers import DiffusionPipeline, ModelMixin
from huggingface_hub.errors import StrictDataclassError
from transformers.utils import logging as transformers_logging

from contextgen.backends.finite import check_numbers, is_finite
from contextgen.backends.flux_kontext.components.configurations import WEIGHED
from contextgen.backends.flux_kontext.components.tokenizers import ENCODERS, check_vocabulary
from contextgen.weights.checkpoint_errors import FolderIncomplete
from contextgen.weights.model_folder import component_classes, stored_tensors
from contextgen.weights.safetensors_files import StoredTensor, some, weight_files

_UNBUILDABLE = (ArithmeticError, AttributeError, LookupError, RuntimeError, StrictDataclassError, TypeError, ValueError)
_LONGEST_REASON = 200  # letters of a library's words
_COMPARE = "Compare the folder with its source, or fetch it again: every tensor is needed, and every one must be used."

MetaTensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class _Difference:
    """Names of tensors that a model needs and does not find, finds and does not use, or finds with another shape."""

    missing: Iterable[str]
    unused: Iterable[str]
    misshapen: Iterable[str]


def check_tensors(folder: Path) -> None:
    """Refuse a folder in which a component lacks a tensor, or has one that nothing uses or that has another shape.

    Raises:
        FolderIncomplete: names the files and the tensors.
    """
    classes = component_classes(folder)
    for component in WEIGHED:
        stored = stored_tensors(folder, component)
        difference = _difference(_imported(*classes[component]), folder / component, stored)
        if words := list(_told(difference, stored)):
            raise FolderIncomplete(f"{folder / component}: {'; '.join(words)}", _COMPARE)


def check_vocabularies(folder: Path) -> None:
    """Refuse tokenizers that give an id for which their text encoder has no embedding.

    Raises:
        FolderIncomplete: names the folder and the token.
    """
    classes = component_classes(folder)
    for name in ENCODERS:
        with _in_silence():
            tokenizer = _imported(*classes[name]).from_pretrained(folder / name, local_files_only=True)
        check_vocabulary(folder, name, tokenizer)


def check_loaded(folder: Path, pipeline: DiffusionPipeline) -> None:
    """Refuse components with NaN or infinity in their weights, just loaded from a folder; quantized ones pass. And
    tokenizers, as `check_vocabularies`.

    Raises:
        FolderIncomplete: names the file and the tensor.
    """
    for name in ENCODERS:
        check_vocabulary(folder, name, getattr(pipeline, name))
    for component in WEIGHED:
        plain = (each for each in getattr(pipeline, component).parameters() if type(each) is torch.nn.Parameter)
        if not all(map(is_finite, plain)):
            check_numbers(weight_files(folder / component))
            raise FolderIncomplete(
                f"{folder / component}: its weights are beyond the numbers that they are rounded to",
                "State another `weights_dtype` in contextgen.json.",
            )


def _imported(library: str, kind: str) -> Any:
    return getattr(importlib.import_module(library), kind)


def _difference(kind: Any, component: Path, stored: Mapping[str, StoredTensor]) -> _Difference:
    held = {name: torch.empty(tensor.shape, device="meta") for name, tensor in stored.items()}
    compare = _by_diffusers if issubclass(kind, ModelMixin) else _by_transformers
    try:
        return compare(kind, component, held)
    except _UNBUILDABLE as problem:
        first = shorten(str(problem).strip().split("\n", 1)[0].rstrip(".:"), _LONGEST_REASON, placeholder="…")
        raise FolderIncomplete(
            f"{component / 'config.json'}: no {kind.__name__} can be made as it says: {first}", _COMPARE
        ) from problem


def _by_diffusers(kind: Any, component: Path, held: MetaTensors) -> _Difference:
    with init_empty_weights():
        model = kind.from_config(kind.load_config(component))
    model._fix_state_dict_keys_on_load(held)  # names that older versions gave
    needed = model.state_dict()
    ignored = kind._keys_to_ignore_on_load_unexpected or ()
    return _Difference(
        needed.keys() - held.keys(),
        {name for name in held.keys() - needed.keys() if not any(re.search(each, name) for each in ignored)},
        {name for name in held.keys() & needed.keys() if held[name].shape != needed[name].shape},
    )


def _by_transformers(kind: Any, component: Path, held: MetaTensors) -> _Difference:
    with _in_silence():
        _, told = kind.from_pretrained(
            None,
            config=kind.config_class.from_pretrained(component, local_files_only=True),
            state_dict=held,
            device_map="meta",
            ignore_mismatched_sizes=True,  # they are told instead
            output_loading_info=True,
        )
    return _Difference(told["missing_keys"], told["unexpected_keys"], {name for name, *_ in told["mismatched_keys"]})


def _told(difference: _Difference, stored: Mapping[str, StoredTensor]) -> Iterator[str]:
    files = sorted({tensor.file.name for tensor in stored.values()})
    if missing := sorted(difference.missing):
        yield f"no {some(missing)} in {some(files)}"
    if unused := sorted(difference.unused):
        yield f"{_place(unused[0], stored, files)} has {some(unused)}, which nothing uses"
    if misshapen := sorted(difference.misshapen):
        yield f"{_place(misshapen[0], stored, files)} has {some(misshapen)} in another shape than config.json says"


def _place(name: str, stored: Mapping[str, StoredTensor], files: list[str]) -> str:
    return stored[name].file.name if name in stored else some(files)  # the library may have given it another name


@contextmanager
def _in_silence() -> Iterator[None]:
    """transformers shows bars for what takes milliseconds here, and reports what is told in our words."""
    shown, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()
