"""Which block serves what, and which rows it is given and must compute."""

from __future__ import annotations

import pytest

from contextgen.method.blocks import BlockPlan, Rows, Rule, block_plans, block_rules

CLA, ICA = Rule.CLA, Rule.ICA
ALL, JOINT, CANVAS = Rows.ALL, Rows.JOINT, Rows.CANVAS


@pytest.mark.parametrize(("n_double", "n_single", "first", "stop"), [(19, 38, 19, 38), (2, 4, 2, 4), (1, 5, 1, 3)])
def test_identity_is_served_by_the_first_half_of_the_single_stream_blocks(n_double, n_single, first, stop) -> None:
    rules = block_rules(n_double, n_single)
    assert len(rules) == n_double + n_single
    assert [index for index, rule in enumerate(rules) if rule is ICA] == list(range(first, stop))


def test_a_card_may_name_other_blocks() -> None:
    assert block_rules(2, 2, [0, 3]) == (ICA, CLA, CLA, ICA)
    assert block_rules(2, 2, []) == (CLA,) * 4
    with pytest.raises(ValueError, match="ICA block 4 does not exist: the transformer has blocks 0 to 3"):
        block_rules(2, 2, [0, 4, 7])


def test_references_leave_after_the_last_identity_block_and_the_canvas_is_left_alone_in_the_end() -> None:
    assert block_plans(block_rules(1, 4), n_double=1) == (
        BlockPlan(CLA, ALL, ALL),
        BlockPlan(ICA, ALL, ALL),
        BlockPlan(ICA, ALL, JOINT),
        BlockPlan(CLA, JOINT, JOINT),
        BlockPlan(CLA, JOINT, CANVAS),
    )


def test_without_identity_blocks_references_never_enter() -> None:
    plans = block_plans(block_rules(1, 2, []), n_double=1)
    assert [plan.reads for plan in plans] == [JOINT] * 3


def test_an_identity_block_at_the_end_reads_all_and_computes_the_canvas() -> None:
    assert block_plans(block_rules(0, 2, [1]), n_double=0)[-1] == BlockPlan(ICA, ALL, CANVAS)


def test_a_double_stream_block_at_the_end_computes_its_text_too() -> None:
    assert block_plans(block_rules(2, 0, [0]), n_double=2) == (BlockPlan(ICA, ALL, JOINT), BlockPlan(CLA, JOINT, JOINT))
