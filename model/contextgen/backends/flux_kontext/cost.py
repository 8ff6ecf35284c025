"""What a picture costs before any weight is loaded: tokens, floating-point operations, memory. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contextgen.backends.base import Cost
from contextgen.backends.flux_kontext.components.configurations import FluxConfig, read_config
from contextgen.backends.flux_kontext.flux_numerics import FluxNumerics
from contextgen.method.ablations import ica_blocks
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
    config = read_config(folder)
    blocks = config.num_layers + config.num_single_layers
    ica = ica_blocks(numerics.ablation, card.ica_blocks, blocks)
    rules = block_rules(config.num_layers, config.num_single_layers, ica)
    n_double, exact = config.num_layers, numerics.attention == "exact"
    work = _exact(sequence, block_plans(rules, n_double), numerics.ica) if exact else _masked(sequence, rules)
    width = config.num_attention_heads * config.attention_head_dim

    only_canvas = work[-1].written == sequence.canvas.count
    output = work[-1].written - (0 if only_canvas else sequence.text_length)
    multiply_adds = _embedding(config, work[0].read, output, sequence.text_length, width)
    for index, block in enumerate(work):
        multiply_adds += (2 * block.read + 10 * block.written) * width**2  # keys, values; query, output, feed-forward
        multiply_adds += 2 * block.pairs * width
        multiply_adds += (12 if index < n_double else 3) * width**2  # adaLN layers, on the step's one vector

    # A single-stream block holds its input, its norm, q, k, v, the attended rows and 2 x (attention + feed-forward).
    tokens = work[0].read
    attending = 16 * tokens * width + (0 if exact else 2 * tokens**2)
    pixels = sequence.canvas.count * card.token_side**2
    decoding = 3 * pixels * config.block_out_channels[min(1, len(config.block_out_channels) - 1)]
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


def _embedding(config: FluxConfig, tokens: int, output: int, text_length: int, width: int) -> int:
    """What goes in and out of the blocks."""
    channels = config.in_channels
    image_tokens = tokens - text_length
    time = 2 if config.guidance_embeds else 1
    vectors = time * (256 + width) * width + (config.pooled_projection_dim + width) * width + 2 * width**2
    rows = image_tokens * channels + text_length * config.joint_attention_dim + output * channels
    return int(vectors + rows * width)


def _count(span: slice) -> int:
    return int(span.stop - span.start)
