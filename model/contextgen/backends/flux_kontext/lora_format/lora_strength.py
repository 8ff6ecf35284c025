"""How strong an adapter says that it is: what peft and diffusers write beside the matrices, read as peft reads it.

No torch. A layer's update counts alpha / rank times, or alpha / sqrt(rank) where it is rank-stabilised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
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
_REPEAT = re.compile(r"[*+?{]")
_MOST_REPEATS, _MOST_REPEATING, _MOST_PATTERNS = 2, 16, 1000  # so that anybody's are matched in a second or two
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
    """What is stated of an adapter's strength beside its matrices. Whatever stands for a number may be none.

    Attributes:
        source: the file that states it.
        is_stated: where nothing is, each layer counts once.
        alpha: of the layers that no pattern fits; None: peft's own.
        alpha_patterns: alpha by the pattern of a layer's name, of which the first that fits counts.
        is_stabilised: alpha counts by the root of the rank.
    """

    source: Path
    is_stated: bool = False
    alpha: object = None
    alpha_patterns: Mapping[str, object] = field(default_factory=dict)
    is_stabilised: bool = False

    def scale(self, layer: str, rank: int, alpha: object = None) -> float:
        """How many times a layer's update counts.

        Args:
            alpha: what a tensor says, which comes first.

        Raises:
            FolderIncomplete: it is no number.
        """
        if alpha is not None:
            return _number(self.source, layer, alpha) / rank
        return _number(self.source, layer, self._alpha(layer, rank)) / (math.sqrt(rank) if self.is_stabilised else rank)

    def earlier_scale(self, layer: str, rank: int) -> float:
        """As version 0.1.0 had it, which knew nothing of peft's files, patterns and rank-stabilised scale."""
        if self.source.name == CONFIG_FILE:
            return 1.0
        return _number(self.source, layer, self.alpha_patterns.get(layer, self.alpha or rank)) / rank

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], object]]:
        """By peft's own rule: they fit the end of a layer's name, from any of its dots on."""
        return [(re.compile(rf"(.*\.)?({pattern})$"), alpha) for pattern, alpha in self.alpha_patterns.items()]

    def _alpha(self, layer: str, rank: int) -> object:
        if not self.is_stated:
            return rank
        for pattern, alpha in self._patterns:
            if pattern.match(layer):
                return alpha
        return _ALPHA if self.alpha is None else self.alpha


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
        return Strength(files[0])
    source, config = stated[-1]
    _check(source, config)
    patterns = config.get("alpha_pattern") or {}
    return Strength(source, True, config.get("lora_alpha"), patterns, bool(config.get("use_rslora")))


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
    patterns = config.get("alpha_pattern") or {}
    if len(patterns) > _MOST_PATTERNS or sum(map(_repeats, patterns)) > _MOST_REPEATING:
        raise _not_understood(
            source, "alpha_pattern holds more patterns, or more that repeat something, than are read here"
        )
    for pattern in patterns:
        _check_pattern(source, pattern)


def _repeats(pattern: str) -> bool:
    return _REPEAT.search(pattern) is not None


def _check_pattern(source: Path, pattern: str) -> None:
    try:
        re.compile(pattern)
        slow = _SLOW.search(pattern) or len(_REPEAT.findall(pattern)) > _MOST_REPEATS
        understood = len(pattern) <= _LONGEST_PATTERN and not slow
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
