"""What a picture costs before any weight is loaded: tokens, floating-point operations, memory. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from contextgen.backends.base import Cost
from contextgen.backends.flux_kontext.flux_numerics import FluxNumerics
from contextgen.method.blocks import BlockPlan, Rule, block_plans, block_rules
from contextgen.method.grouping import Grouping
from contextgen.method.method_card import ModelCard
from contextgen.method.sequence import JointSequence


def predict(folder: Path, card: ModelCard, sequence: JointSequence, steps: int, numerics: FluxNumerics) -> Cost:
    """The cost of a picture.

    Args:
        folder: the model's, in diffusers' format; only its configurations are read.
        numerics: dense masks save nothing, and are as large as the sequence squared.
    """
    transformer, vae = _config(folder, "transformer"), _config(folder, "vae")
    rules = block_rules(transformer["num_layers"], transformer["num_single_layers"], card.ica_blocks)
    n_double, exact = transformer["num_layers"], numerics.attention == "exact"
    work = _exact(sequence, block_plans(rules, n_double), numerics.ica) if exact else _masked(sequence, rules)
    width = transformer["num_attention_heads"] * transformer["attention_head_dim"]

    only_canvas = work[-1].written == sequence.canvas.count
    output = work[-1].written - (0 if only_canvas else sequence.text_length)
    multiply_adds = _embedding(transformer, work[0].read, output, sequence.text_length, width)
    for index, block in enumerate(work):
        multiply_adds += (2 * block.read + 10 * block.written) * width**2  # keys, values; query, output, feed-forward
        multiply_adds += 2 * block.pairs * width
        multiply_adds += (12 if index < n_double else 3) * width**2  # adaLN layers, on the step's one vector

    # A single-stream block holds its input, its norm, q, k, v, the attended rows and 2 x (attention + feed-forward).
    tokens = work[0].read
    attending = 16 * tokens * width + (0 if exact else 2 * tokens**2)
    pixels = sequence.canvas.count * (2 * 2 ** (len(vae["block_out_channels"]) - 1)) ** 2
    decoding = 3 * pixels * vae["block_out_channels"][min(1, len(vae["block_out_channels"]) - 1)]
    return Cost(tokens, 2 * multiply_adds * steps / 1e12, max(attending, decoding))


@dataclass(frozen=True)
class _Work:
    """What a block does: the rows it is given, those it computes, and the query-key pairs of its attention."""

    read: int
    written: int
    pairs: int


def _exact(sequence: JointSequence, plans: Sequence[BlockPlan], ica: str) -> list[_Work]:
    grouping = Grouping(sequence, ica)
    length = {rows: _count(span) for rows, span in grouping.rows.items()}
    pairs = {
        plan: sum(_count(group.rows) * sum(map(_count, group.keys)) for group in grouping.groups(plan))
        for plan in set(plans)
    }
    return [_Work(length[plan.reads], length[plan.writes], pairs[plan]) for plan in plans]


def _masked(sequence: JointSequence, rules: Sequence[Rule]) -> list[_Work]:
    return [_Work(len(sequence), len(sequence), len(sequence) ** 2)] * len(rules)


def _embedding(transformer: dict[str, Any], tokens: int, output: int, text_length: int, width: int) -> int:
    """What goes in and out of the blocks."""
    channels = transformer["in_channels"]
    image_tokens = tokens - text_length
    time = 2 if transformer["guidance_embeds"] else 1
    vectors = time * (256 + width) * width + (transformer["pooled_projection_dim"] + width) * width + 2 * width**2
    rows = image_tokens * channels + text_length * transformer["joint_attention_dim"] + output * channels
    return int(vectors + rows * width)


def _count(span: slice) -> int:
    return int(span.stop - span.start)


def _config(folder: Path, component: str) -> dict[str, Any]:
    path = folder / component / "config.json"
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _read(path: Path, modified: int) -> dict[str, Any]:
    """Read once for many pictures; `modified` is here so that a changed file is read again."""
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config
