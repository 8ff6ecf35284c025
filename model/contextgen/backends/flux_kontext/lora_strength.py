"""How strong an adapter says that it is: what peft and diffusers write beside the matrices, read as peft reads it.

No torch. A layer's update counts alpha / rank times, or alpha / sqrt(rank) where it is rank-stabilised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from contextgen.weights.adapter_folder import CONFIG_FILE, adapter_files
from contextgen.weights.checkpoint_errors import AdapterMismatch, FolderIncomplete
from contextgen.weights.json_files import parse_object, read_object, short
from contextgen.weights.safetensors_files import some

_METADATA = "lora_adapter_metadata"  # diffusers', in a file's header
_OF_THE_TRANSFORMER = "transformer."
_ALPHA = 8  # peft's, where a configuration states none
_LONGEST_PATTERN = 200  # letters
_SLOW = re.compile(r"\)[*+{]")  # a repeated group, which could match for ever
_NUMBER_AGAIN = "Fetch the adapter again."
_HARMLESS = {  # of peft's LoraConfig: what says how it was trained, or is read here
    *("peft_type", "peft_version", "task_type", "base_model_name_or_path", "revision", "inference_mode"),
    *("auto_mapping", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "target_modules"),
    *("exclude_modules", "lora_dropout", "init_lora_weights", "layers_to_transform", "layers_pattern", "bias"),
    *("megatron_config", "megatron_core", "loftq_config", "eva_config", "corda_config", "lora_ga_config"),
    *("qalora_group_size", "runtime_config"),
}
_MOVES_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")  # such weights fit a base that was changed first


@dataclass(frozen=True)
class Strength:
    """What is stated of an adapter's strength beside its matrices.

    Attributes:
        config: peft's, or diffusers' of the transformer; None: nothing is stated, and each layer counts once.
        source: the file that states it.
    """

    config: Mapping[str, Any] | None
    source: Path

    def scale(self, layer: str, rank: int, alpha: object = None) -> float:
        """How many times a layer's update counts.

        Args:
            alpha: what a tensor says, which comes first.

        Raises:
            FolderIncomplete: it is no number.
        """
        stabilised = bool((self.config or {}).get("use_rslora")) and alpha is None
        stated = _number(self.source, layer, self._alpha(layer, rank) if alpha is None else alpha)
        return stated / (math.sqrt(rank) if stabilised else rank)

    def earlier_scale(self, layer: str, rank: int) -> float:
        """As version 0.1.0 had it, which knew nothing of peft's files, patterns and rank-stabilised scale."""
        config = {} if self.config is None or self.source.name == CONFIG_FILE else self.config
        alpha = (config.get("alpha_pattern") or {}).get(layer, config.get("lora_alpha") or rank)
        return _number(self.source, layer, alpha) / rank

    def _alpha(self, layer: str, rank: int) -> object:
        if self.config is None:
            return rank
        for pattern, alpha in (self.config.get("alpha_pattern") or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", layer):  # peft's own rule
                return alpha
        return self.config.get("lora_alpha", _ALPHA)


def read_strength(path: Path) -> Strength:
    """What the files of an adapter say, in their headers or in peft's configuration beside them.

    Raises:
        FolderIncomplete: that is not readable.
        AdapterMismatch: it says something that is not understood here.
    """
    files = adapter_files(path)
    beside = files[0].parent / CONFIG_FILE
    stated = [(file, config) for file in files for config in _in_header(file)]
    if not stated and beside.is_file():
        stated = [(beside, _read_config(beside))]
    if not stated:
        return Strength(None, files[0])
    source, config = stated[-1]
    _check(source, config)
    return Strength(config, source)


def _in_header(file: Path) -> Iterator[dict[str, Any]]:
    with safe_open(file, "np") as stream:
        text = (stream.metadata() or {}).get(_METADATA)
    if text is None:
        return
    try:
        stated = parse_object(text)
    except ValueError as problem:
        raise FolderIncomplete(f"{file}: {_METADATA}: {problem}", _NUMBER_AGAIN) from problem
    start = len(_OF_THE_TRANSFORMER)
    ours = {key[start:]: value for key, value in stated.items() if key.startswith(_OF_THE_TRANSFORMER)}
    if ours:
        yield ours


def _read_config(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except ValueError as problem:
        raise FolderIncomplete(f"{path}: {problem}", _NUMBER_AGAIN) from problem


def _check(source: Path, config: Mapping[str, Any]) -> None:
    """Refuse what would change the strength, or more than that, and is not understood."""
    kind = config.get("peft_type", "LORA")
    if kind != "LORA":
        raise _not_understood(source, f"it is {short(kind)}, and only LORA is read here")
    if config.get("bias", "none") != "none":
        raise _not_understood(source, f"it changes biases (bias: {short(config['bias'])})")
    start = str(config.get("init_lora_weights", "")).lower()
    if start.startswith(_MOVES_THE_BASE):
        raise _not_understood(source, f"it fits a base that was changed first (init_lora_weights: {start})")
    if unknown := sorted(key for key, value in config.items() if value and key not in _HARMLESS):
        raise _not_understood(source, f"it says {some(unknown)}, which is not understood here")
    for name in ("alpha_pattern", "rank_pattern"):
        if not isinstance(config.get(name) or {}, dict):
            raise FolderIncomplete(f"{source}: {name} is no mapping", _NUMBER_AGAIN)
    for pattern in config.get("alpha_pattern") or {}:
        _check_pattern(source, pattern)


def _check_pattern(source: Path, pattern: str) -> None:
    try:
        re.compile(pattern)
        understood = len(pattern) <= _LONGEST_PATTERN and not _SLOW.search(pattern)
    except (re.error, OverflowError, RecursionError):
        understood = False
    if not understood:
        raise _not_understood(source, f"alpha_pattern: {short(pattern)} is no pattern that is understood here")


def _not_understood(source: Path, words: str) -> AdapterMismatch:
    return AdapterMismatch(
        f"{source}: {words}", "Merge it into the base with the tool that made it, or export a plain LoRA."
    )


def _number(source: Path, layer: str, alpha: object) -> float:
    try:
        strength = float(alpha)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):  # the latter: a tensor of several numbers
        strength = math.nan
    if not math.isfinite(strength):
        raise FolderIncomplete(f"{source}: the alpha of {layer} is no number: {alpha!r}", _NUMBER_AGAIN)
    return strength
