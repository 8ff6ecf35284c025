"""Where tokens stand and where they think they are."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextgen.method.layout import Instance, prepare_reference
from contextgen.method.method_card import ModelCard
from contextgen.method.sequence import Grid, JointSequence, ReferenceTokens, arrange, box_to_tokens

SUBJECT = np.array([[True, False, True]])


@pytest.fixture
def sequence() -> JointSequence:
    references = (ReferenceTokens(SUBJECT, (0, 0, 1, 2)), ReferenceTokens(np.ones((2, 1), bool), (1, 1, 3, 2)))
    return JointSequence(4, Grid(2, 3), references)


def test_order_is_text_canvas_layout_references(sequence: JointSequence) -> None:
    assert sequence.lengths == (4, 6, 6, 3, 2)
    assert sequence.spans == (slice(0, 4), slice(4, 10), slice(10, 16), slice(16, 19), slice(19, 21))
    assert len(sequence) == 21


def test_layout_shares_the_canvas_coordinates_and_references_lie_on_a_diagonal(sequence: JointSequence) -> None:
    canvas, layout, first, second = np.split(sequence.img_ids, [6, 12, 15])
    assert canvas[:4].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 0]]
    assert (canvas[:, 1:] == layout[:, 1:]).all() and (layout[:, 0] == 1).all()
    assert first.tolist() == [[1, 2, 3], [1, 2, 4], [1, 2, 5]]  # beyond the layout: 2 rows, 3 columns
    assert second.tolist() == [[1, 3, 6], [1, 4, 6]]  # beyond layout and first reference


@pytest.mark.parametrize("size", [(128, 128), (384, 256)])
def test_references_in_the_canvas_frame_lie_the_same_step_from_their_place_on_every_canvas(size) -> None:
    card = ModelCard(reference_frame="canvas", largest_side=384)
    boxes = [(0, 0, 48, 48), (64, 32, 120, 100), (-20, 60, 60, 124)]  # the last one sticks out
    instances = [Instance(Image.new("RGBA", (60, 60), "red"), box=box, fit="stretch") for box in boxes]
    references = [prepare_reference(instance, card, *size) for instance in instances]
    laid_out = arrange(references, boxes, size, card)
    for k, (left, top, right, bottom) in enumerate(boxes):
        _, y, x = laid_out.img_ids[laid_out.foreground_rows(k) - card.text_length].T
        step = (k + 1) * 384 // 16
        assert (y.min() - step, x.min() - step) == (top // 16, left // 16)
        assert (y.max() - step, x.max() - step) == ((bottom - 1) // 16, (right - 1) // 16)


def test_without_offsets_references_stand_on_the_canvas_itself() -> None:
    card = ModelCard(reference_frame="canvas", largest_side=384)
    instance = Instance(Image.new("RGBA", (60, 60), "red"), box=(32, 16, 64, 64), fit="stretch")
    reference = prepare_reference(instance, card, 128, 128)
    laid_out = arrange([reference], [instance.box], (128, 128), card, offsets=False)
    assert laid_out.img_ids[laid_out.foreground_rows(0)[0] - card.text_length].tolist() == [1, 1, 2]


def test_ids_beyond_256_stay_exact() -> None:
    tall = ReferenceTokens(np.ones((300, 1), bool), (0, 0, 1, 1))
    ids = JointSequence(1, Grid(1, 1), (tall,)).img_ids
    assert ids[-1].tolist() == [1, 300, 1]


def test_rows_of_subjects_and_boxes(sequence: JointSequence) -> None:
    assert sequence.foreground_rows(0).tolist() == [16, 18]
    assert sequence.box_rows(0).tolist() == [4, 7]
    assert sequence.box_rows(1).tolist() == [8, 9]


@pytest.mark.parametrize(
    ("box", "tokens"),
    [
        ((0, 0, 16, 16), (0, 0, 1, 1)),
        ((15, 17, 33, 32), (0, 1, 3, 2)),  # every token touched
        ((40, 20, 41, 21), (2, 1, 3, 2)),  # smaller than one token
        ((-20, -5, 500, 500), (0, 0, 3, 2)),  # clipped at the canvas
    ],
)
def test_box_takes_every_token_it_touches(box: tuple[int, ...], tokens: tuple[int, ...]) -> None:
    assert box_to_tokens(box, Grid(2, 3), 16) == tokens
