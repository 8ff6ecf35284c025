"""Examples -> what the model is given, as arrays. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contextgen.data.example import Example
from contextgen.method.layout import Pixels, compose, given_layout, prepare_reference
from contextgen.method.method_card import ModelCard
from contextgen.method.sequence import JointSequence, arrange


@dataclass(frozen=True)
class Prepared:
    """An example as the model sees it.

    Attributes:
        target, layout: canvas-sized pixels.
        references: the subjects' pixels on mid-grey.
        needs_prompt: the caption is never emptied.
    """

    prompt: str
    target: Pixels
    layout: Pixels
    references: tuple[Pixels, ...]
    sequence: JointSequence
    needs_prompt: bool = False

    @property
    def boxed(self) -> npt.NDArray[np.bool_]:
        """The canvas tokens that a box touches, (I,)."""
        boxed: npt.NDArray[np.bool_] = np.any(self.sequence.covering, axis=0)
        return boxed


def prepare(example: Example, card: ModelCard) -> Prepared:
    """Resize, draw the layout and lay out the sequence, by the functions that rendering uses.

    Raises:
        ValueError: what `method.layout` and `method.sequence` refuse; the message names the example.
    """
    width, height = example.target.size
    try:
        references = [prepare_reference(instance, card, width, height) for instance in example.instances]
        sequence = arrange(references, [instance.box for instance in example.instances], (width, height), card)
    except ValueError as error:
        raise ValueError(f"{example.name}: {error}") from error
    if example.layout is not None:
        layout = given_layout(example.layout, width, height)
    else:
        layout = compose(references, example.instances, width, height)
    target = np.asarray(example.target.convert("RGB"), np.float32) / np.float32(127.5) - 1
    subjects = tuple(reference.subject for reference in references)
    return Prepared(example.prompt, target, layout.pixels, subjects, sequence, example.needs_prompt)
