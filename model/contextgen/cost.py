"""What a picture costs before any weight is loaded: tokens, floating-point operations, memory. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextgen.blocks import block_plans, block_rules
from contextgen.card import ModelCard
from contextgen.grouping import Grouping
from contextgen.sequence import JointSequence


@dataclass(frozen=True)
class Cost:
    """The price of one picture.

    Attributes:
        tokens: rows that enter the transformer; a reference's background stays outside.
        tflop: of all denoising steps, a multiply-add counted as two; text encoders and VAE are not in it.
        numbers: the most numbers that live beside the weights at one time (an estimate); times the dtype's bytes
            they are memory.
    """

    tokens: int
    tflop: float
    numbers: int


def predict(folder: Path, sequence: JointSequence, steps: int) -> Cost:
    """The cost of a picture with `attention="exact"` and the released ICA.

    Args:
        folder: the model's, in diffusers' format; only its configurations are read.
    """
    transformer, vae = _config(folder, "transformer"), _config(folder, "vae")
    n_double, n_single = transformer["num_layers"], transformer["num_single_layers"]
    rules = block_rules(n_double, n_single, ModelCard.read(folder).ica_blocks)
    plans = block_plans(rules, n_double)
    grouping = Grouping(sequence, "released")
    length = {rows: span.stop - span.start for rows, span in grouping.rows.items()}
    width = transformer["num_attention_heads"] * transformer["attention_head_dim"]

    multiply_adds = 0
    for index, plan in enumerate(plans):
        read, written = length[plan.reads], length[plan.writes]
        multiply_adds += (2 * read + 10 * written) * width**2  # keys and values; query, output and feed-forward
        multiply_adds += (
            sum(2 * _count(group.rows) * sum(map(_count, group.keys)) for group in grouping.groups(plan)) * width
        )
        multiply_adds += _modulations(index < n_double, plan.reads is not plan.writes) * width**2
    tokens = length[plans[0].reads]
    multiply_adds += _embedding(transformer, tokens, length[plans[-1].writes], sequence.text_length, width)

    # A single-stream block holds its input, its norm, q, k, v, the attended rows and 2 x (attention + feed-forward).
    attention = 16 * tokens * width
    pixels = sequence.canvas.count * (2 * 2 ** (len(vae["block_out_channels"]) - 1)) ** 2
    decoding = 3 * pixels * vae["block_out_channels"][min(1, len(vae["block_out_channels"]) - 1)]
    return Cost(tokens, 2 * multiply_adds * steps / 1e12, max(attention, decoding))


def _modulations(double: bool, leaves_rows_behind: bool) -> int:
    """adaLN layers of a block, in width x width matrices, on its one vector; context rows are modulated apart."""
    once = (12, 6) if double else (3, 3)
    return once[0] + (once[1] if leaves_rows_behind else 0)


def _embedding(transformer: dict[str, Any], tokens: int, written: int, text_length: int, width: int) -> int:
    """What goes in and out of the blocks."""
    channels = transformer["in_channels"]
    image_tokens = tokens - text_length
    time = 2 if transformer["guidance_embeds"] else 1
    vectors = time * (256 + width) * width + (transformer["pooled_projection_dim"] + width) * width + 2 * width**2
    rows = image_tokens * channels + text_length * transformer["joint_attention_dim"] + written * channels
    return int(vectors + rows * width)


def _count(span: slice) -> int:
    return int(span.stop - span.start)


def _config(folder: Path, component: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / component / "config.json").read_text(encoding="utf-8"))
    return config
