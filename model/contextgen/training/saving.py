"""What training leaves behind for rendering: a model folder in diffusers' format, or a LoRA adapter."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from contextgen.backends.flux_kontext.adapters import PREFIX
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.training.config import Lora
from contextgen.weights.card import CARD_FILE

_SHARD = "15MB"
_TRACES = ("_name_or_path",)  # of the machine that trained


def save_model(pipe: ContextGenPipeline, folder: Path, card: Path | None) -> None:
    """Write a whole model, its weights rounded to the precision that its card states, in shards below 16 MiB.

    Args:
        card: a `contextgen.json` to put beside it as it is, less what was measured of other weights.
    """
    dtype = getattr(torch, pipe.card.weights_dtype)
    parts = {name: _rounded(part, dtype) for name, part in pipe.components.items()}
    whole = ContextGenPipeline(**parts)
    whole.card = replace(pipe.card, mag_ratios=None)
    whole.save_pretrained(folder, safe_serialization=True, max_shard_size=_SHARD)
    for file in (folder / "model_index.json", *folder.glob("*/config.json")):
        _forget_traces(file)
    if card is not None:
        stated = json.loads(card.read_text("utf-8"))
        stated.pop("mag_ratios", None)
        (folder / CARD_FILE).write_text(json.dumps(stated, indent=2) + "\n", "utf-8")


def adapter_file(step: int) -> str:
    """The name of an adapter after so many steps: the paper's own code takes the highest number of a folder's files,
    and cannot read a name without."""
    return f"transformer_{step:05}.safetensors"


def save_adapter(parameters: Mapping[str, torch.Tensor], file: Path, lora: Lora, dtype: torch.dtype) -> None:
    """Write the LoRA matrices of a transformer in diffusers' format, as `--adapter` takes them.

    Args:
        parameters: named as the pipeline's, `transformer.<layer>.lora_A.<adapter>.weight`.
        file: in a folder that need not be there yet.
    """
    tensors = {}
    for name, tensor in parameters.items():
        layer, half, _adapter, _weight = name.rsplit(".", 3)
        tensors[f"{layer}.{half}.weight"] = tensor.detach().to("cpu", dtype).contiguous()
    told = {f"{PREFIX}r": lora.rank, f"{PREFIX}lora_alpha": lora.alpha}
    file.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"lora_adapter_metadata": json.dumps(told)}  # one entry: several come in any order
    save_file(tensors, file, metadata)


def _rounded(part: Any, dtype: torch.dtype) -> Any:
    if not isinstance(part, torch.nn.Module):
        return part
    return copy.deepcopy(part).to("cpu", dtype)


def _forget_traces(file: Path) -> None:
    stated = json.loads(file.read_text("utf-8"))
    kept = {key: value for key, value in stated.items() if key not in _TRACES}
    file.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", "utf-8")
