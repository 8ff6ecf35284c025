"""Whose layer a tensor of a LoRA file belongs to, however the tool that wrote it names them. No torch.

Names of diffusers' modules are understood here, with any tool's prefix and in any spelling; those of the model's first
release (`double_blocks`) are left to diffusers' own converters (`lora_conversion`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contextgen.weights.safetensors_files import some

_PREFIX = re.compile(r"((base_model\.model|base_model|model|diffusion_model|transformer|unet)\.)+")
_FLAT_PREFIX = re.compile(r"lora_(unet|transformer)_|lycoris_")  # before names whose dots are underscores
_HALF = re.compile(
    r"(?P<layer>.+?)(?:\.lora_(?P<letter>[AB])(?:\.[\w-]+)?|\.lora_(?P<word>down|up)|\.lora\.(?P<old>down|up)"
    r"|(?<=_lora)\.(?P<xlabs>down|up)|(?<=_lora[12])\.(?P<xlabs2>down|up))\.weight"
)
_ALPHA = re.compile(r"(?P<layer>.+)\.alpha")
_DOWN = ("A", "down")
_FIRST_RELEASE = re.compile(
    r"(double|single)_blocks[._]|(img_in|txt_in|time_in|vector_in|guidance_in|final_layer)([._]|$)"
)
_TEXT_ENCODER = re.compile(
    r"text_encoders?[._]|text_encoder_2\.|lora_te\d*_|te\d*[._]|(base_model\.model\.)?text_model\."
)
_FOREIGN = {  # what is no LoRA of two matrices, by what its keys have
    "DoRA": re.compile(r"dora_scale|lora_magnitude_vector"),
    "LoHa": re.compile(r"\.hada_"),
    "LoKr": re.compile(r"\.lokr_"),
    "OFT": re.compile(r"\.b?oft_"),
    "VeRA": re.compile(r"vera_(lambda|[AB])"),
    "(IA)3": re.compile(r"\.ia3_|\.on_input$"),
    "LoCon with a core (Tucker)": re.compile(r"\.lora_mid\."),
    "whole layers (modules_to_save)": re.compile(r"modules_to_save"),
    "whole differences of weights": re.compile(r"\.diff$|\.w_norm$|\.set_weight$"),
    "biases": re.compile(r"\.diff_b$|\.b_norm$|\.bias$|\.lora_[AB](\.[\w-]+)?\.bias$"),
    "new words for the text encoders": re.compile(r"^(bundle_emb|emb_params)"),
}


_PLAIN_ONE = "Merge it into the base with the tool that made it, or export a plain LoRA of the transformer."
_TRANSFORMER_ONLY = (
    "Train or export it for the transformer alone; tools call that UNet only, or leave the text encoders out."
)


class NoLora(ValueError):
    """The tensors are no LoRA that is read here; the words say what they are, `hint` what to do."""

    def __init__(self, words: str, hint: str | None = None) -> None:
        super().__init__(words)
        self.hint = hint


@dataclass(frozen=True)
class Pair:
    """The tensors of one layer's update, by their names in the file.

    Attributes:
        rank, shape: of the two together; the latter is (outputs, inputs) of the layer.
        alpha: None: not stated as a tensor.
    """

    down: str
    up: str
    rank: int
    shape: tuple[int, int]
    alpha: str | None = None


def read_pairs(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Pair]:
    """Layer, as the file names it without its tool's prefix -> its pair of matrices.

    Raises:
        NoLora: the tensors, here with their shapes, hold something else than whole pairs of LoRA matrices.
    """
    _refuse_foreign(shapes)
    halves: dict[str, dict[str, str]] = {}
    for key in shapes:
        part, layer = _part(key)
        if part in halves.setdefault(layer, {}):
            raise NoLora(f"two tensors are the same half of {layer}: {halves[layer][part]} and {key}")
        halves[layer][part] = key
    if not halves:
        raise NoLora("the adapter holds no LoRA layer")
    return {layer: _pair(layer, parts, shapes) for layer, parts in halves.items()}


def is_first_release(layers: Iterable[str]) -> bool:
    """Whether layers have the names of the model's first release, as kohya's, ComfyUI's and XLabs' tools have them."""
    return any(_FIRST_RELEASE.match(_FLAT_PREFIX.sub("", layer)) for layer in layers)


def flat(layer: str) -> str:
    """A layer's name with underscores for its dots, and without the prefix that goes with these."""
    return _FLAT_PREFIX.sub("", layer.replace(".", "_"), count=1)


def by_layer(pairs: Mapping[str, Pair], model: Iterable[str]) -> dict[str, Pair]:
    """The pairs by the model's own names of layers; what it does not have keeps its name.

    Raises:
        NoLora: two are of the same layer.
    """
    known = {name: name for name in model}
    spelled = {flat(name): name for name in known} | known
    found: dict[str, Pair] = {}
    for layer, pair in pairs.items():
        name = spelled.get(layer) or spelled.get(flat(layer), layer)
        if name in found:
            raise NoLora(f"{name} is changed twice, by {found[name].down} and {pair.down}")
        found[name] = pair
    return found


def _refuse_foreign(keys: Iterable[str]) -> None:
    keys = list(keys)
    for kind, pattern in _FOREIGN.items():
        if foreign := [key for key in keys if pattern.search(key)]:
            raise NoLora(f"it holds {kind}, which is not read here: {some(foreign)}", _PLAIN_ONE)
    if texts := [key for key in keys if _TEXT_ENCODER.match(key)]:
        raise NoLora(f"it changes a text encoder too, which is not done here: {some(texts)}", _TRANSFORMER_ONLY)


def _part(key: str) -> tuple[str, str]:
    """Which part of which layer a tensor is."""
    if match := _HALF.fullmatch(key):
        layer, *halves = match.group("layer", "letter", "word", "old", "xlabs", "xlabs2")
        part = "down" if any(half in _DOWN for half in halves) else "up"
    elif match := _ALPHA.fullmatch(key):
        layer, part = match["layer"], "alpha"
    else:
        raise NoLora(f"no LoRA in diffusers' format: {some([key])}")
    prefix = _PREFIX.match(layer)
    return part, layer[prefix.end() :] if prefix else layer


def _pair(layer: str, parts: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]) -> Pair:
    down, up = (shapes.get(parts.get(half, "")) for half in ("down", "up"))
    if down is None or up is None or len(down) != 2 or len(up) != 2 or down[0] != up[1] or not down[0]:
        raise NoLora(f"{layer}: lora_A and lora_B do not belong together")
    return Pair(parts["down"], parts["up"], down[0], (up[0], down[1]), parts.get("alpha"))
