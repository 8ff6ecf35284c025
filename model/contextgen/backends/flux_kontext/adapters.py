"""What a LoRA adapter holds and whether it fits a model, from the files' headers.

No torch, unless its layers have the names of the model's first release, which diffusers' converters know.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from contextgen.backends.base import AdapterFit
from contextgen.backends.flux_kontext.lora_format.lora_keys import NoLora, Pair, by_layer, is_first_release, read_pairs
from contextgen.backends.flux_kontext.lora_format.lora_strength import read_strength
from contextgen.weights.adapter_folder import adapter_tensors
from contextgen.weights.checkpoint_errors import AdapterMismatch
from contextgen.weights.model_folder import stored_tensors
from contextgen.weights.safetensors_files import holds_zeros, some

PREFIX = "transformer."  # of every key, in diffusers' format
HALVES = ("lora_A.weight", "lora_B.weight")
LAYERS_OF_THE_METHOD = (  # of the released adapter; a regular expression for whole names of layers
    r"x_embedder"
    r"|transformer_blocks\.\d+\.(norm1\.linear|attn\.to_[qkv]|attn\.to_out\.0|ff\.net\.2)"
    r"|single_transformer_blocks\.\d+\.(norm\.linear|proj_mlp|proj_out|attn\.to_[qkv])"
)
_ANOTHER_ADAPTER = (
    "Give the adapter that was trained on this base model, as a LoRA of its transformer, or the base of this one."
)

Shapes = Mapping[str, tuple[int, ...]]  # layer name -> (outputs, inputs)


def check_adapter(path: Path, model: Shapes) -> dict[str, tuple[int, int]]:
    """The layers of an adapter, every one of which fits the linear layers of a model's transformer.

    Raises:
        AdapterMismatch: names the keys.
        FolderIncomplete: what it says of its strength cannot be read.
    """
    read_strength(path)
    with naming(path):
        pairs = adapter_pairs(path, model)
        if is_first_release(pairs):
            from contextgen.backends.flux_kontext.lora_format.lora_conversion import converted_shapes

            layers = converted_shapes(pairs)
        else:
            layers = {name: pair.shape for name, pair in pairs.items()}
        _check_shapes(layers, model)
    return layers


def adapter_pairs(path: Path, model: Shapes) -> dict[str, Pair]:
    """The pairs of matrices that an adapter holds, by the model's names of layers, or by those of the first release.

    Raises:
        NoLora: it holds something else.
    """
    pairs = read_pairs({name: tensor.shape for name, tensor in adapter_tensors(path).items()})
    return pairs if is_first_release(pairs) else by_layer(pairs, model)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What is wrong with the tensors of an adapter, told with its name and what to do."""
    try:
        yield
    except NoLora as problem:
        raise AdapterMismatch(f"{path}: {problem}", problem.hint or _ANOTHER_ADAPTER) from problem


def fit(path: Path, model: Shapes) -> AdapterFit:
    """How an adapter fits a model.

    Raises:
        as `check_adapter`
    """
    layers = check_adapter(path, model)
    pairs = adapter_pairs(path, model)
    changes_all = all(name in layers for name in model if re.fullmatch(LAYERS_OF_THE_METHOD, name))
    return AdapterFit(len(layers), len(model), changes_all, _is_zero(path, pairs), _strength(path, pairs))


def linear_layers(folder: Path) -> dict[str, tuple[int, ...]]:
    """The matrices of a model folder's transformer, by layer name."""
    return {
        name.removesuffix(".weight"): tensor.shape
        for name, tensor in stored_tensors(folder, "transformer").items()
        if name.endswith(".weight") and len(tensor.shape) == 2
    }


def _check_shapes(layers: Shapes, model: Shapes) -> None:
    if missing := sorted(set(layers) - set(model)):
        found = "none" if len(missing) == len(layers) else f"{len(missing)} of {len(layers)} layers not"
        raise NoLora(f"the adapter does not fit the model, {found} found in it: {some(missing)}")
    for name, shape in layers.items():
        if shape != model[name]:
            raise NoLora(f"{name} is {model[name]} in the model and {shape} in the adapter")


def _is_zero(path: Path, pairs: Mapping[str, Pair]) -> bool:
    """Whether it changes nothing: one half of every pair is zero. Of an adapter that does, little is read."""
    tensors = adapter_tensors(path)
    return all(any(holds_zeros(tensors[name].file, name) for name in (pair.up, pair.down)) for pair in pairs.values())


def _strength(path: Path, pairs: Mapping[str, Pair]) -> str:
    """A digest of the scales, where what is stated beside the matrices was read otherwise by version 0.1.0."""
    strength = read_strength(path)
    stated = {name: pair.rank for name, pair in pairs.items() if pair.alpha is None}
    scales = {name: strength.scale(name, rank) for name, rank in stated.items()}
    if all(scale == strength.earlier_scale(name, stated[name]) for name, scale in scales.items()):
        return ""
    return hashlib.sha256(json.dumps(scales, sort_keys=True).encode()).hexdigest()[:16]
