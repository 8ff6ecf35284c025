"""What a model folder says of itself beside its weights: prompt template, sizes, steps, ICA blocks. No torch.

An optional `contextgen.json` in the folder overrides the values the released FLUX.1-Kontext adapter was trained with,
which are the defaults here. Token side and block counts are never stated: they are read from the components' own
configurations.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from contextgen.method.blocks import block_rules

CARD_FILE = "contextgen.json"

RELEASED_TEMPLATE = (
    "Modify the image to depict '{prompt}'. While preserving the original layout, key object features and human "
    "identities (including facial details), adjust element poses for better composition and naturally fill in the "
    "background. Ensure the result appears natural and visually harmonious."
)
_CAPTION_LEAD = re.compile(r"^\s*(?:a photo|an image|a picture) of ", re.IGNORECASE)


@dataclass(frozen=True)
class ModelCard:
    """How to address a model.

    Attributes:
        prompt_template: sentence with one `{prompt}`, or the bare `{prompt}`.
        text_length: tokens of the text sequence.
        token_side: pixels that one image token spans in each direction.
        width, height: native canvas in pixels.
        reference_sides: `(canvas side, reference side)` pairs in ascending order: a reference is resized to the area
            of the square of the first pair whose canvas side is not exceeded by the canvas' shorter side.
        largest_reference_side: the reference side for every larger canvas.
        reference_frame: `picture`, as released: the whole reference at the area above; `canvas`: the subject alone, as
            large as in its box and where the box is, so that a reference token covers just what a canvas token will
            show; its position ids are the canvas' own, moved along the diagonal by a multiple of the largest canvas.
        smallest_side, largest_side: of the canvases that the model was made for, in pixels; None: not stated.
        largest_aspect: longer by shorter side of those canvases; None: not stated.
        steps, guidance: sampling defaults.
        mag_ratios: by how much the blocks' work on the canvas grows from step to step, for so many steps
            (`contextgen.evaluation.mag_calibration`); None: not measured.
        weights_dtype: the precision of the weights as trained and published; files that hold more are rounded to it
            on loading, as the released code does, whatever the dtype of the computation.
        ica_blocks: indices of the blocks that use ICA, double-stream blocks counted first; None for the first half
            of the single-stream blocks.
    """

    prompt_template: str = RELEASED_TEMPLATE
    text_length: int = 512
    token_side: int = 16
    width: int = 768
    height: int = 768
    reference_sides: tuple[tuple[int, int], ...] = ((384, 256), (512, 384), (768, 512), (1024, 768))
    largest_reference_side: int = 1024
    reference_frame: str = "picture"
    smallest_side: int | None = None
    largest_side: int | None = None
    largest_aspect: float | None = None
    steps: int = 28
    guidance: float = 3.5
    mag_ratios: tuple[float, ...] | None = None
    weights_dtype: str = "bfloat16"
    ica_blocks: tuple[int, ...] | None = None

    @classmethod
    def read(cls, folder: Path) -> ModelCard:
        """The card of a model folder in diffusers format.

        Raises:
            ValueError: `contextgen.json` is not a JSON object, or has a key or a value that does not belong there, such
            as an ICA block beyond the transformer's last.
            FileNotFoundError: the folder lacks a component's `config.json`.
        """
        vae = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8"))
        stated = _stated(folder / CARD_FILE) if (folder / CARD_FILE).is_file() else {}
        if stated.get("ica_blocks"):
            _check_ica_blocks(folder, stated["ica_blocks"])
        return cls(token_side=_token_side(vae), **stated)

    def instruction(self, prompt: str) -> str:
        """The sentence the text encoders read: the caption without its lead ("a photo of "), in the template."""
        return self.prompt_template.replace("{prompt}", _CAPTION_LEAD.sub("", prompt, count=1))

    def reference_side(self, width: int, height: int) -> int:
        """Side of the square whose area a reference gets on a canvas of `width` x `height` pixels."""
        shorter = min(width, height)
        return next((side for limit, side in self.reference_sides if shorter <= limit), self.largest_reference_side)

    def fits(self, width: int, height: int) -> bool:
        """Whether the model was made for a canvas of `width` x `height` pixels; what is not stated is not judged."""
        shorter, longer = sorted((width, height))
        return (
            (self.smallest_side is None or shorter >= self.smallest_side)
            and (self.largest_side is None or longer <= self.largest_side)
            and (self.largest_aspect is None or longer <= self.largest_aspect * shorter)
        )

    def similar_canvas(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of a canvas about the native area, in the shape of another where the model can paint it."""
        scale = math.sqrt(self.width * self.height / (width * height)) / self.token_side
        wide, high = (max(1, round(side * scale)) * self.token_side for side in (width, height))
        return (wide, high) if self.fits(wide, high) else (self.width, self.height)


def _token_side(vae_config: dict[str, Any]) -> int:
    """2x2 latents make a token; each down block of the VAE but the last halves the picture."""
    return int(2 * 2 ** (len(vae_config["block_out_channels"]) - 1))


def _check_ica_blocks(folder: Path, ica_blocks: tuple[int, ...]) -> None:
    transformer = json.loads((folder / "transformer" / "config.json").read_text(encoding="utf-8"))
    try:
        block_rules(transformer["num_layers"], transformer["num_single_layers"], ica_blocks)
    except ValueError as error:
        raise ValueError(f"{folder / CARD_FILE}: ica_blocks: {error}") from None


def _stated(path: Path) -> dict[str, Any]:
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    if not isinstance(stated, dict):
        raise ValueError(f"{path}: expected a JSON object")
    allowed = {field.name for field in fields(ModelCard)} - {"token_side"}
    if unknown := sorted(set(stated) - allowed):
        raise ValueError(f"{path}: unknown key {unknown[0]!r}; known are {', '.join(sorted(allowed))}")
    for name, value in stated.items():
        if not _well_formed(name, value):
            raise ValueError(f"{path}: {name}: {value!r} is not what belongs there")
        stated[name] = _frozen(value)
    return stated


def _well_formed(name: str, value: Any) -> bool:
    match name:
        case "prompt_template":
            return isinstance(value, str) and value.count("{prompt}") == 1
        case "reference_frame":
            return value in ("picture", "canvas")
        case "weights_dtype":
            return value in ("bfloat16", "float32")
        case "guidance":
            return _is_number(value) and value >= 0
        case "largest_aspect":
            return _is_number(value) and value >= 1
        case "reference_sides":
            return isinstance(value, list) and all(
                isinstance(pair, list) and len(pair) == 2 and all(_is_side(side) for side in pair) for pair in value
            )
        case "mag_ratios":
            return isinstance(value, list) and len(value) > 0 and all(_is_number(each) and each > 0 for each in value)
        case "ica_blocks":
            return value is None or (
                isinstance(value, list) and all(type(block) is int and block >= 0 for block in value)
            )
        case _:
            return _is_side(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_side(value: Any) -> bool:
    return type(value) is int and value > 0


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
