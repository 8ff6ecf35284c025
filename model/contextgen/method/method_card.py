"""What ContextGen must know of a model beside what every family says: references and their frame, ICA blocks. No torch.

The defaults are the values that the released FLUX.1-Kontext adapter was trained with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contextgen.weights.card import Card, is_number, is_side, stated

RELEASED_TEMPLATE = (
    "Modify the image to depict '{prompt}'. While preserving the original layout, key object features and human "
    "identities (including facial details), adjust element poses for better composition and naturally fill in the "
    "background. Ensure the result appears natural and visually harmonious."
)


def _are_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(is_side, pair)) for pair in value
    )


def _are_ratios(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(is_number(each) and each > 0 for each in value)


def _are_blocks(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(type(block) is int and block >= 0 for block in value))


@dataclass(frozen=True)
class ModelCard(Card):
    """How to address a model of the method.

    Attributes:
        reference_sides: `(canvas side, reference side)` pairs in ascending order: a reference is resized to the area
            of the square of the first pair whose canvas side is not exceeded by the canvas' shorter side.
        largest_reference_side: the reference side for every larger canvas.
        reference_frame: `picture`, as released: the whole reference at the area above; `canvas`: the subject alone, as
            large as in its box and where the box is, so that a reference token covers just what a canvas token will
            show; its position ids are the canvas' own, moved along the diagonal by a multiple of the largest canvas.
        mag_ratios: by how much the blocks' work on the canvas grows from step to step, for so many steps
            (`contextgen.evaluation.mag_calibration`); None: not measured.
        weights_dtype: the precision of the weights as trained and published; files that hold more are rounded to it
            on loading, as the released code does, whatever the dtype of the computation.
        ica_blocks: indices of the blocks that use ICA, double-stream blocks counted first; None for the first half
            of the single-stream blocks.
    """

    prompt_template: str = stated(
        RELEASED_TEMPLATE, lambda value: isinstance(value, str) and value.count("{prompt}") == 1
    )
    width: int = stated(768, is_side)
    height: int = stated(768, is_side)
    reference_sides: tuple[tuple[int, int], ...] = stated(((384, 256), (512, 384), (768, 512), (1024, 768)), _are_pairs)
    largest_reference_side: int = stated(1024, is_side)
    reference_frame: str = stated("picture", lambda value: value in ("picture", "canvas"))
    mag_ratios: tuple[float, ...] | None = stated(None, _are_ratios)
    weights_dtype: str = stated("bfloat16", lambda value: value in ("bfloat16", "float32"))
    ica_blocks: tuple[int, ...] | None = stated(None, _are_blocks)

    def reference_side(self, width: int, height: int) -> int:
        """Side of the square whose area a reference gets on a canvas of `width` x `height` pixels."""
        shorter = min(width, height)
        return next((side for limit, side in self.reference_sides if shorter <= limit), self.largest_reference_side)
