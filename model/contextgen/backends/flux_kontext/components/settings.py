"""What a configuration says beside its sizes: that which changes the picture, and which no tensor's shape tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contextgen.backends.flux_kontext.components.demands import (
    A_SIZE,
    REPAIR,
    Configuration,
    demand,
    is_number,
    is_size,
)
from contextgen.weights.checkpoint_errors import FolderIncomplete
from contextgen.weights.json_files import short

_LARGEST_SHIFT = 32  # its exponential must stay a number
_A_SHIFT = f"a number from 0 to {_LARGEST_SHIFT}"
_TIME_SHIFTS = ("exponential", "linear")
_FEED_FORWARD = {  # of T5: function, gated
    "relu": ("relu", False),
    "gated-gelu": ("gelu_new", True),
    "gated-silu": ("silu", True),
}
_ROPE = [16, 56, 56]  # where nothing is stated


def check_settings(component: str, path: Path, config: Configuration) -> None:
    """Refuse a configuration that says something that no model of this family has.

    Raises:
        FolderIncomplete: names the file and the key.
    """
    _refuse_detours(path, config)
    if component in _CHECKS:
        _CHECKS[component](path, config)


def _refuse_detours(path: Path, config: Configuration) -> None:
    """Keys by which a library takes weights or code from elsewhere."""
    for name, value in config.items():
        elsewhere = "attn_implementation" in name and "/" in str(value)
        if elsewhere or (name == "transformers_weights" and value is not None):
            raise FolderIncomplete(f"{path}: {name}: {short(value)} would be taken from elsewhere", "Remove the key.")


def _check_scheduler(path: Path, config: Configuration) -> None:
    shortest, longest = "base_image_seq_len", "max_image_seq_len"
    demand(path, config, (shortest, longest, "num_train_timesteps"), is_size, A_SIZE)
    demand(path, config, ("base_shift", "max_shift"), _is_shift, _A_SHIFT)
    demand(path, config, ("shift",), lambda value: _is_shift(value) and value > 0, f"{_A_SHIFT}, and not 0")
    stated = {"time_shift_type": _TIME_SHIFTS[0], **config}
    demand(path, stated, ("time_shift_type",), lambda value: value in _TIME_SHIFTS, " or ".join(_TIME_SHIFTS))
    if config[shortest] >= config[longest]:
        raise FolderIncomplete(f"{path}: {longest}: {config[longest]} is not above {shortest}", REPAIR)


def _check_transformer(path: Path, config: Configuration) -> None:
    side = config["attention_head_dim"]
    demand(
        path,
        {"axes_dims_rope": _ROPE, **config},
        ("axes_dims_rope",),
        lambda value: _are_axes(value) and sum(value) == side,
        f"a list of three even whole numbers that add up to attention_head_dim, {side}",
    )


def _check_t5(path: Path, config: Configuration) -> None:
    name = "feed_forward_proj"
    stated = {name: "relu", **config}
    demand(path, stated, (name,), lambda value: value in list(_FEED_FORWARD), f"one of {', '.join(_FEED_FORWARD)}")
    function, gated = _FEED_FORWARD[stated[name]]
    demand(path, {"dense_act_fn": function, **config}, ("dense_act_fn",), lambda value: value == function, function)
    demand(path, {"is_gated_act": gated, **config}, ("is_gated_act",), lambda value: value is gated, str(gated).lower())


_CHECKS: Mapping[str, Callable[[Path, Configuration], None]] = {
    "scheduler": _check_scheduler,
    "text_encoder_2": _check_t5,
    "transformer": _check_transformer,
}


def _is_shift(value: Any) -> bool:
    return is_number(value) and 0 <= value <= _LARGEST_SHIFT


def _are_axes(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(is_size(each) and each % 2 == 0 for each in value)
