"""The joint sequence: text | canvas | layout | reference 1 | ... | reference N (paper section 3.2). Sizes in tokens.

Numpy only: what is said here holds for any backbone, and a plan can be priced without loading torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from contextgen.method.layout import Mask, Outline, PreparedReference
from contextgen.method.method_card import ModelCard
from contextgen.method.placement import Edges

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Grid:
    """An image in tokens."""

    height: int
    width: int

    @property
    def count(self) -> int:
        return self.height * self.width


@dataclass(frozen=True)
class ReferenceTokens:
    """One reference in the sequence.

    Attributes:
        foreground: F_k, the tokens its subject touches, (height, width).
        box: B_k, the canvas tokens its box touches: left, top, right, bottom.
        corner: left and top on the canvas of a reference that was drawn for its box, may be negative; None: it has no
            place there.
    """

    foreground: Mask
    box: Edges
    corner: tuple[int, int] | None = None

    @property
    def grid(self) -> Grid:
        return Grid(*self.foreground.shape)


@dataclass(frozen=True)
class JointSequence:
    """Which token stands where, and where it thinks it is.

    Attributes:
        frame: what the layout, and every reference with a corner, takes of the diagonal; None: the canvas.
        offsets: whether references lie on a diagonal, as the method says; False, its ablation, lets each begin where
            the canvas does.
    """

    text_length: int
    canvas: Grid
    references: tuple[ReferenceTokens, ...]
    frame: Grid | None = None
    offsets: bool = True

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of text, canvas, layout and every reference."""
        images = (self.canvas, self.canvas, *(reference.grid for reference in self.references))
        return (self.text_length, *(grid.count for grid in images))

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """Rows of text, canvas, layout and every reference."""
        ends = np.cumsum(self.lengths).tolist()
        return tuple(slice(end - length, end) for end, length in zip(ends, self.lengths, strict=True))

    def __len__(self) -> int:
        return sum(self.lengths)

    def foreground_rows(self, k: int) -> Indices:
        """F_k as rows of the sequence."""
        return np.flatnonzero(self.references[k].foreground) + int(self.spans[3 + k].start)

    def box_rows(self, k: int) -> Indices:
        """B_k as rows of the sequence."""
        return np.flatnonzero(self.covering[k]) + int(self.spans[1].start)

    @cached_property
    def covering(self) -> Mask:
        """B_k over the canvas tokens, (N, canvas tokens)."""
        covering = np.zeros((len(self.references), self.canvas.height, self.canvas.width), np.bool_)
        for inside, reference in zip(covering, self.references, strict=True):
            left, top, right, bottom = reference.box
            inside[top:bottom, left:right] = True
        return covering.reshape(len(self.references), -1)

    @cached_property
    def img_ids(self) -> npt.NDArray[np.float32]:
        """Position ids of canvas, layout and references, (S - text, 3); text stands at (0, 0, 0).

        The layout shares the canvas' coordinates; references follow on a diagonal, so that no two context images
        overlap in index space (released order; section 3.2, "position indices"). A reference with a corner stands on
        the diagonal as on the canvas, in a frame of its own: from a canvas token to the token of reference k that
        shows the same is the same step everywhere.
        """
        ids = [_ids(0, self.canvas), _ids(1, self.canvas)]
        first = self.frame or self.canvas
        y, x = first.height, first.width
        for reference in self.references:
            taken = reference.grid if reference.corner is None else first
            left, top = reference.corner or (0, 0)
            y_k, x_k = (y, x) if self.offsets else (0, 0)
            ids.append(_ids(1, reference.grid, y_k + top, x_k + left))
            y, x = y + taken.height, x + taken.width
        return np.concatenate(ids)


def arrange(
    references: Sequence[PreparedReference | Outline],
    boxes: Sequence[Edges],
    size: tuple[int, int],
    card: ModelCard,
    offsets: bool = True,
) -> JointSequence:
    """The sequence of a canvas with its references, in instance order.

    Args:
        boxes: the instances' (left, top, right, bottom on the canvas, in pixels).
        size: width and height of the canvas in pixels.
        offsets: False lets the references' positions overlap (see `JointSequence`).

    Raises:
        ValueError: the canvas is not a whole number of tokens.
    """
    (width, height), token_side = size, card.token_side
    if width % token_side or height % token_side:
        raise ValueError(f"the canvas is {width}x{height} px: both sides must be multiples of {token_side}")
    canvas = Grid(height // token_side, width // token_side)
    tokens = tuple(
        ReferenceTokens(
            reference.foreground(token_side),
            box_to_tokens(box, canvas, token_side),
            reference.corner and (reference.corner[0] // token_side, reference.corner[1] // token_side),
        )
        for reference, box in zip(references, boxes, strict=True)
    )
    return JointSequence(card.text_length, canvas, tokens, _frame(card, canvas), offsets)


def _frame(card: ModelCard, canvas: Grid) -> Grid | None:
    """The model's largest canvas, so that references lie equally far away on all of them; None as released."""
    if card.reference_frame == "picture" or card.largest_side is None:
        return None
    side = max(card.largest_side // card.token_side, canvas.height, canvas.width)
    return Grid(side, side)


def box_to_tokens(box: Edges, canvas: Grid, token_side: int) -> Edges:
    """Every canvas token the box touches: floor of the near edges, ceiling of the far ones."""
    left, top, right, bottom = box
    return (
        max(0, left // token_side),
        max(0, top // token_side),
        min(canvas.width, math.ceil(right / token_side)),
        min(canvas.height, math.ceil(bottom / token_side)),
    )


def _ids(image: int, grid: Grid, y: int = 0, x: int = 0) -> npt.NDArray[np.float32]:
    ids = np.empty((grid.height, grid.width, 3), np.float32)
    ids[..., 0] = image
    ids[..., 1] = np.arange(y, y + grid.height)[:, None]
    ids[..., 2] = np.arange(x, x + grid.width)
    return ids.reshape(-1, 3)
