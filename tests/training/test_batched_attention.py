"""Several sequences at once are what each is alone, forward and backward."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from geometries import random_sequence, small_transformer

from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.method.blocks import block_rules
from contextgen.method.sequence import Grid
from contextgen.training.preprocessing.batched_attention import BatchedAttention

CPU = torch.device("cpu")
ICA_BLOCKS = [None, (), (0, 1, 2, 3, 4), (1, 3)]


def sequences() -> list:
    """One to eight references of any shape, on one canvas."""
    canvas, drawn = Grid(8, 8), [random_sequence(seed) for seed in (3, 0, 7, 12)]
    return [replace(sequence, text_length=5, canvas=canvas) for sequence in drawn]


def inputs(sequence_list: list, seed: int) -> dict:
    random = torch.Generator().manual_seed(seed)
    count = len(sequence_list)
    return {
        "canvas": torch.randn(count, 64, 8, generator=random),
        "contexts": [torch.randn(sum(s.lengths[2:]), 8, generator=random) for s in sequence_list],
        "encoder_hidden_states": torch.randn(count, 5, 12, generator=random),
        "pooled_projections": torch.randn(count, 10, generator=random),
        "timestep": torch.rand(count, generator=random),
        "guidance": torch.ones(count),
    }


def run(transformer, arrangement, hidden_states, given: dict) -> torch.Tensor:
    told = {name: given[name] for name in ("encoder_hidden_states", "pooled_projections", "timestep", "guidance")}
    output = transformer(
        hidden_states=hidden_states,
        img_ids=arrangement.img_ids,
        txt_ids=torch.zeros(5, 3),
        joint_attention_kwargs={"arrangement": arrangement},
        return_dict=False,
        **told,
    )[0]
    return arrangement.canvas_of(output)


def both(transformer, ica_blocks) -> tuple[torch.Tensor, torch.Tensor]:
    """The canvas' velocity of every sequence: at once, and one by one."""
    listed, rules = sequences(), block_rules(2, 3, ica_blocks)
    given = inputs(listed, 4)
    batched = BatchedAttention(transformer, rules).arrange(listed, CPU)
    micro_batch_size = run(transformer, batched, batched.place(given["canvas"], given["contexts"]), given)
    exact, alone = ExactAttention(transformer, rules, "released"), []
    for index, sequence in enumerate(listed):
        arrangement = exact.arrange(sequence, CPU)
        own = {name: values[index : index + 1] for name, values in given.items() if name != "contexts"}
        placed = arrangement.place(own["canvas"], given["contexts"][index][None])
        alone.append(run(transformer, arrangement, placed, own))
    return micro_batch_size, torch.cat(alone)


@pytest.mark.parametrize("ica_blocks", ICA_BLOCKS)
def test_batch_paints_what_each_sequence_paints_alone(ica_blocks) -> None:
    with torch.no_grad():
        micro_batch_size, alone = both(small_transformer(2, 3), ica_blocks)
    assert (micro_batch_size - alone).abs().max() < 1e-5 * alone.abs().max()


def test_gradients_of_a_batch_are_the_sum_of_gradients() -> None:
    transformer = small_transformer(2, 3)
    micro_batch_size, alone = both(transformer, None)
    parameters = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
    for ours, theirs in zip(
        torch.autograd.grad(micro_batch_size.square().mean(), parameters, allow_unused=True),
        torch.autograd.grad(alone.square().mean(), parameters, allow_unused=True),
        strict=True,
    ):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max() + 1e-9


def test_plain_products_in_bfloat16_agree_with_float32() -> None:
    transformer = small_transformer(2, 3)
    with torch.no_grad():
        wanted = both(transformer, None)[0]
        with torch.autocast("cpu", torch.bfloat16):
            rounded = both(transformer, None)[0].float()
    assert (rounded - wanted).abs().mean() < 0.05 * wanted.abs().mean()


def test_sequences_of_unlike_canvases_are_refused() -> None:
    listed = [random_sequence(1), random_sequence(2)]
    with pytest.raises(ValueError, match="share canvas size"):
        BatchedAttention(small_transformer(1, 2), block_rules(1, 2)).arrange(listed, CPU)
