"""Boxes for subjects that nobody has placed."""

from __future__ import annotations

from itertools import combinations

import pytest

from contextgen_cli.scene.arranging import side_by_side
from contextgen_cli.scene.scene import Box, Size

TOKEN = 16


@pytest.mark.parametrize("canvas", [Size(256, 256), Size(768, 512), Size(128, 384)])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 13, 64])
def test_boxes_lie_on_the_canvas_apart_from_each_other(canvas, count):
    shapes = [0.1, 0.5, 1, 1.5, 3, 20]
    boxes = side_by_side([shapes[index % len(shapes)] for index in range(count)], canvas)
    assert len(boxes) == count
    assert all(_is_on(box, canvas) for box in boxes)
    assert not any(_overlap(one, other) for one, other in combinations(boxes, 2))


@pytest.mark.parametrize("aspect", [0.4, 1, 1.7])
def test_a_box_has_the_shape_of_its_subject(aspect):
    for box in side_by_side([aspect, 1, 2], Size(768, 768)):
        assert min(box.right - box.left, box.bottom - box.top) >= TOKEN
    first = side_by_side([aspect, 1, 2], Size(768, 768))[0]
    assert (first.right - first.left) / (first.bottom - first.top) == pytest.approx(aspect, rel=0.02)


def test_two_stand_beside_each_other_and_wide_ones_above():
    left, right = side_by_side([1, 1], Size(256, 256))
    assert left.right <= right.left and left.top == right.top
    upper, lower = side_by_side([4, 4], Size(256, 256))
    assert upper.bottom <= lower.top


def _is_on(box: Box, canvas: Size) -> bool:
    return 0 <= box.left < box.right <= canvas.width and 0 <= box.top < box.bottom <= canvas.height


def _overlap(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom
