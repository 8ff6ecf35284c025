"""The border of an attention: what is placed comes out again, however the sequence is laid out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from geometries import random_sequence, small_transformer

from contextgen.backends.flux_kontext.attention.arrangement import Arrangement
from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention
from contextgen.backends.flux_kontext.attention.reference_cache import alternating
from contextgen.method.blocks import Rows, block_rules
from contextgen.method.sequence import JointSequence
from contextgen.training.preprocessing.batched_attention import BatchedAttention

CPU, RULES = torch.device("cpu"), block_rules(1, 4)


def exact(sequence: JointSequence) -> Arrangement:
    return ExactAttention(small_transformer(1, 4), RULES, "released").arrange(sequence, CPU)


ARRANGEMENTS: dict[str, Callable[[JointSequence], Arrangement]] = {
    "masked": lambda sequence: MaskedAttention(small_transformer(1, 4), RULES, "released").arrange(sequence, CPU),
    "exact": exact,
    "remembering": lambda sequence: alternating(exact(sequence), 2)[0],
    "reusing": lambda sequence: alternating(exact(sequence), 2)[1],
    "batched": lambda sequence: BatchedAttention(small_transformer(1, 4), RULES).arrange([sequence], CPU),
}


@pytest.fixture(params=ARRANGEMENTS)
def laid_out(request) -> tuple[Arrangement, JointSequence]:
    sequence = random_sequence(5)
    return ARRANGEMENTS[request.param](sequence), sequence


def latents(sequence: JointSequence) -> tuple[torch.Tensor, torch.Tensor]:
    """Of canvas (1, I, 1) and context (L + R, 1): each token its number among the image tokens."""
    count = sequence.canvas.count
    numbers = torch.arange(float(len(sequence) - sequence.text_length))[:, None]
    return numbers[None, :count], numbers[count:]


def test_the_canvas_comes_out_in_reading_order(laid_out) -> None:
    arrangement, sequence = laid_out
    canvas, context = latents(sequence)
    placed = arrangement.place(canvas, [context])
    assert torch.equal(arrangement.canvas_of(placed), canvas)
    assert torch.equal(arrangement.in_reading_order(arrangement.canvas_rows(placed)), canvas)


def test_every_token_stands_where_its_position_says(laid_out) -> None:
    arrangement, sequence = laid_out
    placed = arrangement.place(*(each if each.ndim == 3 else [each] for each in latents(sequence)))
    ids = torch.from_numpy(sequence.img_ids)
    assert torch.equal(arrangement.img_ids, ids[placed[0, :, 0].long()])


def test_all_of_the_text_is_computed(laid_out) -> None:
    arrangement, sequence = laid_out
    embeds = torch.randn(1, sequence.text_length, 3)
    assert torch.equal(arrangement.text_of(embeds), embeds)


@pytest.mark.parametrize("kind", ["exact", "remembering", "reusing", "batched"])
def test_the_canvas_is_found_in_whatever_rows_a_block_still_has(kind: str) -> None:
    sequence = random_sequence(5)
    arrangement, (canvas, context) = ARRANGEMENTS[kind](sequence), latents(sequence)
    placed = arrangement.place(canvas, [context])
    joint = placed[:, : 2 * sequence.canvas.count]
    wanted = arrangement.canvas_rows(placed)
    for hidden in (placed, joint, joint[:, sequence.canvas.count :]):
        assert torch.equal(arrangement.canvas_rows(hidden), wanted)
    written = {plan.writes: rows for plan, rows in arrangement.written.items()}
    assert written[Rows.CANVAS] == slice(sequence.text_length + sequence.canvas.count, written[Rows.JOINT].stop)
