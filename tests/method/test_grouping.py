"""The order of rows in which every query's keys are a few spans, against the table of the method, token by token."""

from __future__ import annotations

import numpy as np
import pytest
from geometries import random_sequence

from contextgen.backends.flux_kontext.attention.masked_attention import mask
from contextgen.method.blocks import BlockPlan, Rows, Rule
from contextgen.method.grouping import Grouping
from contextgen.method.sequence import Grid, Indices, JointSequence, ReferenceTokens

ALL = BlockPlan(Rule.ICA, Rows.ALL, Rows.ALL)


@pytest.fixture
def two_boxes() -> JointSequence:
    """Four by one canvas tokens; the first box covers tokens 0 and 1, the second 1 and 2."""
    one, other = np.array([[True, False]]), np.array([[False, True, True]])
    references = (ReferenceTokens(one, (0, 0, 2, 1)), ReferenceTokens(other, (1, 0, 3, 1)))
    return JointSequence(2, Grid(1, 4), references)


def rows_of(grouping: Grouping, sequence: JointSequence) -> Indices:
    """Which row of the sequence, as the paper orders it, stands where."""
    text = np.arange(sequence.text_length)
    return np.concatenate([text, sequence.text_length + grouping.order(ALL)])


def test_rows_stand_as_text_layout_canvas_references(two_boxes: JointSequence) -> None:
    grouping = Grouping(two_boxes, "released")
    assert rows_of(grouping, two_boxes).tolist() == [0, 1, 6, 7, 8, 9, 5, 4, 2, 3, 10, 13, 14]
    #   text, layout, the canvas token outside every box, in the second, in the first, in both; foregrounds
    assert grouping.rows == {Rows.ALL: slice(0, 13), Rows.JOINT: slice(0, 10), Rows.CANVAS: slice(6, 10)}
    assert [sorted(cell.boxes) for cell in grouping.cells] == [[], [1], [0], [0, 1]]


def test_the_canvas_is_put_back_as_it_is_read(two_boxes: JointSequence) -> None:
    grouping = Grouping(two_boxes, "released")
    canvas = rows_of(grouping, two_boxes)[grouping.rows[Rows.CANVAS]]
    assert canvas[grouping.reading_order].tolist() == [2, 3, 4, 5]


def test_keys_are_few_spans(two_boxes: JointSequence) -> None:
    outside, second, first, both, one, other = Grouping(two_boxes, "released").groups(ALL)
    assert (outside.rows, outside.keys) == (slice(0, 7), (slice(0, 10),))
    assert second.keys == (slice(0, 10), slice(11, 13))
    assert first.keys == (slice(0, 11),)  # what it reads lies side by side
    assert both.keys == (slice(0, 13),)
    assert (one.keys, other.keys) == ((slice(0, 2), slice(10, 11)), (slice(0, 2), slice(11, 13)))


@pytest.mark.parametrize("ica", ["released", "paper"])
@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("seed", range(8))
def test_every_row_reads_what_its_mask_allows(seed: int, rule: Rule, ica: str) -> None:
    sequence = random_sequence(seed)
    grouping, allowed = Grouping(sequence, ica), mask(sequence, rule, ica).numpy()
    rows = rows_of(grouping, sequence)
    for writes in Rows:
        plan = BlockPlan(rule, Rows.ALL, writes)
        groups, written = grouping.groups(plan), rows[grouping.rows[writes]]
        edges = [group.rows.start for group in groups] + [groups[-1].rows.stop]
        assert edges == sorted(edges) and (edges[0], edges[-1]) == (0, len(written))
        for group in groups:
            keys = np.sort(np.concatenate([rows[span] for span in group.keys]))
            for query in written[group.rows]:
                assert np.array_equal(keys, np.flatnonzero(allowed[query]))
