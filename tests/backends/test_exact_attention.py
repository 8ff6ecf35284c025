"""The masks against the table they stand for, and the exact attention against the masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from geometries import random_sequence, small_transformer, velocity

from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention, mask
from contextgen.method.blocks import BlockPlan, Rows, Rule, block_plans, block_rules
from contextgen.method.sequence import JointSequence

CLA, ICA = Rule.CLA, Rule.ICA
ALL, JOINT, CANVAS = Rows.ALL, Rows.JOINT, Rows.CANVAS


def may_attend(sequence: JointSequence, rule: Rule, ica: str, query: int, key: int) -> bool:
    """The table of method and paper, one pair of tokens at a time."""

    def place(row: int) -> tuple[str, int, int]:  # (kind, reference, index within)
        for name, span in zip(("text", "canvas", "layout"), sequence.spans[:3], strict=True):
            if row in range(span.start, span.stop):
                return name, -1, row - span.start
        for k, span in enumerate(sequence.spans[3:]):
            if row in range(span.start, span.stop):
                return "reference", k, row - span.start
        raise AssertionError(row)

    def boxes(token: int) -> set[int]:
        y, x = divmod(token, sequence.canvas.width)
        found = set()
        for k, reference in enumerate(sequence.references):
            left, top, right, bottom = reference.box
            if left <= x < right and top <= y < bottom:
                found.add(k)
        return found

    (kind, k, index), (key_kind, key_k, key_index) = place(query), place(key)
    is_subject = key_kind == "reference" and bool(sequence.references[key_k].foreground.flat[key_index])
    paper = rule is ICA and ica == "paper"
    if kind == "reference":
        return key_kind == "text" or (key_k == k and (paper or is_subject))
    inside = boxes(index) if kind == "canvas" and rule is ICA else set()
    if inside and paper:
        shared = key_kind == "canvas" and bool(boxes(key_index) & inside)
        return key_kind == "text" or shared or key_k in inside
    return key_kind != "reference" or (key_k in inside and is_subject)


@pytest.mark.parametrize("ica", ["released", "paper"])
@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("seed", [2, 5])
def test_masks_are_the_table(seed: int, rule: Rule, ica: str) -> None:
    sequence = random_sequence(seed)
    rows = range(len(sequence))
    table = [[may_attend(sequence, rule, ica, query, key) for key in rows] for query in rows]
    assert np.array_equal(mask(sequence, rule, ica).numpy(), np.array(table))


@pytest.mark.parametrize("ica", ["released", "paper"])
@pytest.mark.parametrize("seed", range(24))
def test_exact_attention_equals_the_masks(seed: int, ica: str) -> None:
    shapes = [(2, 4, None), (1, 3, (0, 2)), (2, 2, range(4)), (2, 3, ()), (0, 4, (0, 3)), (2, 0, (0,)), (1, 2, (0,))]
    n_double, n_single, ica_blocks = shapes[seed % len(shapes)]
    transformer, sequence = small_transformer(n_double, n_single), random_sequence(seed)
    rules = block_rules(n_double, n_single, ica_blocks)
    with torch.no_grad():
        masked = velocity(transformer, MaskedAttention(transformer, rules, ica), sequence)
        exact = velocity(transformer, ExactAttention(transformer, rules, ica), sequence)
    assert float((exact - masked).norm() / masked.norm()) < 1e-5
    assert masked.norm() > 0.1


@pytest.mark.parametrize("ica", ["released", "paper"])
@pytest.mark.parametrize("seed", [3, 5, 7])
def test_keys_put_side_by_side_in_place_are_those_copied_for_gradients(seed: int, ica: str) -> None:
    transformer, sequence = small_transformer(1, 4), random_sequence(seed)
    exact = ExactAttention(transformer, block_rules(1, 4, range(4)), ica)
    copied = velocity(transformer, exact, sequence)
    with torch.no_grad():
        in_place = velocity(transformer, exact, sequence)
    assert copied.requires_grad
    assert torch.equal(copied, in_place)


def test_gradients_are_equal_too() -> None:
    sequence, rules = random_sequence(3), block_rules(2, 4)
    gradients = []
    for attention in (MaskedAttention, ExactAttention):
        transformer = small_transformer(2, 4)
        velocity(transformer, attention(transformer, rules, "released"), sequence).square().mean().backward()
        gradients.append(
            torch.cat([weight.grad.flatten() for weight in transformer.parameters() if weight.grad is not None])
        )
    assert float((gradients[0] - gradients[1]).norm() / gradients[0].norm()) < 1e-5


@pytest.mark.parametrize("attention", [MaskedAttention, ExactAttention])
def test_identity_reaches_the_canvas_through_ica_only(attention) -> None:
    transformer, sequence = small_transformer(1, 4), random_sequence(8)
    subject = sequence.foreground_rows(0).tolist()
    with torch.no_grad():
        changes = []
        for ica_blocks in ((1, 2), ()):
            installed = attention(transformer, block_rules(1, 4, ica_blocks), "released")
            pair = [velocity(transformer, installed, sequence, shifted) for shifted in (None, subject)]
            changes.append(float((pair[0] - pair[1]).abs().max()))
    assert changes[0] > 1e-3
    assert changes[1] == 0


def test_background_of_a_reference_influences_nothing() -> None:
    transformer, sequence = small_transformer(2, 4), random_sequence(3)
    span = sequence.spans[3]
    background = sorted(set(range(span.start, span.stop)) - set(sequence.foreground_rows(0).tolist()))
    masked = MaskedAttention(transformer, block_rules(2, 4), "released")
    with torch.no_grad():
        plain, shifted = (velocity(transformer, masked, sequence, rows) for rows in (None, background))
    assert background
    assert torch.equal(plain, shifted)


def test_exact_leaves_unread_tokens_out() -> None:
    transformer, sequence = small_transformer(2, 4), random_sequence(7)
    attention = ExactAttention(transformer, block_rules(2, 4), "released")
    seen: list[int] = []
    for block in transformer.single_transformer_blocks:
        block.proj_mlp.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[1]))
    with torch.no_grad():
        velocity(transformer, attention, sequence)
    text, canvas, layout, *_ = sequence.lengths
    foreground = sum(int(reference.foreground.sum()) for reference in sequence.references)
    joint = text + canvas + layout
    assert seen == [joint + foreground, joint, joint, canvas]  # block 1 is the last ICA block, block 3 the last


def test_attentions_can_be_exchanged_on_one_transformer() -> None:
    transformer, sequence = small_transformer(1, 4), random_sequence(4)
    rules, everywhere = block_rules(1, 4), block_rules(1, 4, range(5))
    with torch.no_grad():
        first = velocity(transformer, ExactAttention(transformer, rules, "released"), sequence)
        other = velocity(transformer, ExactAttention(transformer, everywhere, "released"), sequence)
        masked = velocity(transformer, MaskedAttention(transformer, rules, "released"), sequence)
        again = velocity(transformer, ExactAttention(transformer, rules, "released"), sequence)
    assert torch.equal(first, again)
    assert torch.allclose(first, masked, atol=1e-4)
    assert not torch.allclose(first, other, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "ica_blocks", "rules"),
    [
        ((19, 38), None, [CLA] * 19 + [ICA] * 19 + [CLA] * 19),
        ((2, 4), None, [CLA, CLA, ICA, ICA, CLA, CLA]),
        ((1, 3), None, [CLA, ICA, CLA, CLA]),
        ((1, 2), [0, 2], [ICA, CLA, ICA]),
        ((1, 2), [], [CLA, CLA, CLA]),
    ],
)
def test_which_blocks_are_ica(shape: tuple[int, int], ica_blocks: list[int] | None, rules: list[Rule]) -> None:
    assert list(block_rules(*shape, ica_blocks)) == rules


def test_ica_block_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="block 9 does not exist"):
        block_rules(2, 4, [3, 9])


def test_references_end_with_the_last_ica_block_and_the_picture_is_read_from_the_canvas() -> None:
    assert block_plans([CLA, ICA, ICA, CLA, CLA], n_double=1) == (
        BlockPlan(CLA, ALL, ALL),
        BlockPlan(ICA, ALL, ALL),
        BlockPlan(ICA, ALL, JOINT),
        BlockPlan(CLA, JOINT, JOINT),
        BlockPlan(CLA, JOINT, CANVAS),
    )
