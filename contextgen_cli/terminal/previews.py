"""Pictures for a person to look at: boxes drawn over a layout, and a picture in block characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from rich.text import Text

_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000")
_GREY = (128, 128, 128)  # what the model sees where nothing is given
_SMALLEST_LETTERS = 12  # pixels


@dataclass(frozen=True, slots=True)
class Mark:
    """A box to draw and the words that belong to it."""

    label: str
    box: tuple[int, int, int, int]


def annotate(layout: Image.Image, marks: Sequence[Mark]) -> Image.Image:
    """The layout on grey, with each box outlined and labelled in its own colour; the last lies in front."""
    canvas = on_grey(layout)
    draw = ImageDraw.Draw(canvas)
    shorter = min(canvas.size)
    line = max(1, shorter // 256)
    font = ImageFont.load_default(max(_SMALLEST_LETTERS, shorter // 40))
    for index, mark in enumerate(marks):
        colour = _COLOURS[index % len(_COLOURS)]
        left, top, right, bottom = mark.box
        draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=line)
        _label(draw, mark, font, colour, canvas.size)
    return canvas


def on_grey(layout: Image.Image) -> Image.Image:
    """An RGBA picture as the model sees it: mid-grey where it is transparent."""
    canvas = Image.new("RGB", layout.size, _GREY)
    canvas.paste(layout, mask=layout.getchannel("A") if "A" in layout.getbands() else None)
    return canvas


def blocks(picture: Image.Image, columns: int, rows: int) -> Text:
    """The picture in upper half blocks, two pixels a character, within so many columns and rows."""
    from rich.text import Text

    scale = min(columns / picture.width, 2 * rows / picture.height)
    width, height = max(1, int(picture.width * scale)), max(2, int(picture.height * scale) // 2 * 2)
    small = on_grey(picture).resize((width, height), Image.Resampling.BOX)
    text = Text(no_wrap=True, end="")
    for y in range(0, height, 2):
        for x in range(width):
            text.append("▀", style=f"{_hex(small, x, y)} on {_hex(small, x, y + 1)}")
        text.append("\n")
    return text


def _label(
    draw: ImageDraw.ImageDraw,
    mark: Mark,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    colour: str,
    size: tuple[int, int],
) -> None:
    """Words on a plate in the box's upper left corner, moved so that they stay on the canvas."""
    left, top, right, bottom = draw.textbbox((0, 0), mark.label, font=font)
    width, height = round(right - left) + 6, round(bottom - top) + 6
    x = max(0, min(mark.box[0], size[0] - width))
    y = max(0, min(mark.box[1], size[1] - height))
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + 3 - left, y + 3 - top), mark.label, font=font, fill="white")


def _hex(picture: Image.Image, x: int, y: int) -> str:
    red, green, blue = picture.getpixel((x, y))  # type: ignore[misc]
    return f"#{red:02x}{green:02x}{blue:02x}"
