"""What a model folder says of itself beside its weights, whatever its family: canvas, steps, prompt. No torch.

An optional `contextgen.json` in the folder overrides the family's defaults. What the components' own configurations
say, such as the side of a token, is never stated there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from contextgen.weights.json_files import read_object, short

CARD_FILE = "contextgen.json"

_CAPTION_LEAD = re.compile(r"^\s*(?:a photo|an image|a picture) of ", re.IGNORECASE)


class MalformedCard(ValueError):
    """A `contextgen.json` that is none; the message names the file, and the line or the key."""


CardType = TypeVar("CardType", bound="Card")


def stated(default: Any, allows: Callable[[Any], bool]) -> Any:
    """A field of a card that `contextgen.json` may state, with what is allowed there."""
    return field(default=default, metadata={"allows": allows})


def is_number(value: object) -> bool:
    """Whether JSON has a number there."""
    return type(value) in (int, float)


def is_side(value: object) -> bool:
    """Whether it is a count of pixels, tokens or steps."""
    return type(value) is int and value > 0


@dataclass(frozen=True)
class Card:
    """How to address a model.

    Attributes:
        prompt_template: sentence with one `{prompt}`, or the bare `{prompt}`.
        text_length: tokens of the text sequence.
        token_side: pixels that one image token spans in each direction: canvases are multiples of it. Read from the
            components, never stated.
        width, height: native canvas in pixels.
        smallest_side, largest_side: of the canvases that the model was made for, in pixels; None: not stated.
        largest_aspect: longer by shorter side of those canvases; None: not stated.
        steps, guidance: sampling defaults.
    """

    prompt_template: str = stated("{prompt}", lambda value: isinstance(value, str) and value.count("{prompt}") == 1)
    text_length: int = stated(512, is_side)
    token_side: int = 16
    width: int = stated(1024, is_side)
    height: int = stated(1024, is_side)
    smallest_side: int | None = stated(None, is_side)
    largest_side: int | None = stated(None, is_side)
    largest_aspect: float | None = stated(None, lambda value: is_number(value) and value >= 1)
    steps: int = stated(28, is_side)
    guidance: float = stated(3.5, lambda value: is_number(value) and value >= 0)

    def instruction(self, prompt: str) -> str:
        """The sentence the text encoders read: the caption without its lead ("a photo of "), in the template."""
        return "".join(self.framed(prompt))

    def framed(self, prompt: str) -> tuple[str, str, str]:
        """The sentence in three parts: what the template has before the caption, the caption, and what comes behind."""
        before, _, behind = self.prompt_template.partition("{prompt}")
        return before, _CAPTION_LEAD.sub("", prompt, count=1), behind

    def fits(self, width: int, height: int) -> bool:
        """Whether the model was made for a canvas of `width` x `height` pixels; what is not stated is not judged."""
        shorter, longer = sorted((width, height))
        return (
            (self.smallest_side is None or shorter >= self.smallest_side)
            and (self.largest_side is None or longer <= self.largest_side)
            and (self.largest_aspect is None or longer <= self.largest_aspect * shorter)
        )

    def nearest_canvas(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the canvas nearest to another that the model was made for, in its shape where it can be;
        the native one where whole tokens leave none."""
        side, (shorter, longer) = self.token_side, sorted((width, height))
        longer = min(longer, int(shorter * (self.largest_aspect or longer)))
        scale = max(min(1.0, (self.largest_side or longer) / longer), (self.smallest_side or 0) / shorter)
        short, long = (max(1, round(each * scale / side)) * side for each in (shorter, longer))
        short = max(short, math.ceil((self.smallest_side or 0) / side) * side)
        most = min(self.largest_side or long, short * (self.largest_aspect or long / short))
        long = max(short, min(long, int(most / side) * side))
        near = (long, short) if width > height else (short, long)
        return near if self.fits(*near) else (self.width, self.height)


def read_card(kind: type[CardType], folder: Path, **known: Any) -> CardType:
    """The card of a model folder, of the `kind` that its family has.

    Args:
        known: fields that the components' configurations say.

    Raises:
        MalformedCard: `contextgen.json` is not a JSON object, or has a key or a value that does not belong there.
    """
    path = folder / CARD_FILE
    return kind(**known, **(_read(path, kind) if path.is_file() else {}))


def write_card(card: Card, folder: Path) -> None:
    """Put a card into a model folder: all that `contextgen.json` may state, and `read_card` reads back."""
    stated = {each.name: getattr(card, each.name) for each in fields(card) if "allows" in each.metadata}
    written = {name: value for name, value in stated.items() if value is not None}
    (folder / CARD_FILE).write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _read(path: Path, kind: type[Card]) -> dict[str, Any]:
    try:
        values = read_object(path)
    except json.JSONDecodeError as error:
        raise MalformedCard(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except ValueError as error:
        raise MalformedCard(f"{path}: {error}") from None
    allows = {each.name: each.metadata["allows"] for each in fields(kind) if "allows" in each.metadata}
    if unknown := sorted(set(values) - set(allows)):
        raise MalformedCard(f"{path}: unknown key {short(unknown[0])}; known are {', '.join(sorted(allows))}")
    for name, value in values.items():
        if not allows[name](value):
            raise MalformedCard(f"{path}: {name}: {short(value)} is not what belongs there")
    return {name: _frozen(value) for name, value in values.items()}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
