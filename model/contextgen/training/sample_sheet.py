"""A sheet of pictures painted with the weights as they are: layout, picture, target in each column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.data.example import Example
from contextgen.method.layout import Pixels
from contextgen.training.callbacks import never_a_link
from contextgen.training.preprocessing.samples import prepare

_GAP = 4  # pixels


@torch.no_grad()
def paint_sheet(pipe: ContextGenPipeline, examples: Sequence[Example], steps: int, file: Path) -> None:
    """Paint examples of one canvas size, each with its index as the seed, and write the sheet as PNG."""
    painter = ContextGenPipeline(**pipe.components)  # its own caches: text encoders may have moved
    painter.card = pipe.card
    painter.set_attention("exact")
    painter.set_progress_bar_config(disable=True)
    columns = []
    for index, example in enumerate(examples):
        width, height = example.target.size
        painted = painter(
            example.prompt,
            example.instances,
            layout=example.layout,
            width=width,
            height=height,
            num_inference_steps=steps,
            seed=index,
        ).images[0]
        columns.append((_picture(prepare(example, pipe.card).layout), painted, example.target))
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "wb", opener=never_a_link) as stream:
        _sheet(columns).save(stream, "PNG")


def _sheet(columns: Sequence[Sequence[Image.Image]]) -> Image.Image:
    width, height = columns[0][0].size
    sheet = Image.new("RGB", (len(columns) * (width + _GAP), len(columns[0]) * (height + _GAP)), "white")
    for x, column in enumerate(columns):
        for y, picture in enumerate(column):
            sheet.paste(picture, (x * (width + _GAP), y * (height + _GAP)))
    return sheet


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(((pixels + 1) * 127.5).round().astype("uint8"))
