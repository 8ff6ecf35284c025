"""The limits of a scene file. The schema repeats those that an editor can check; a test holds the two together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

FILE_BYTES = 1 << 20  # a scene file
STREAM_BYTES = 64 << 20  # standard input and JSON lines, which may carry many scenes
DOCUMENTS = 50_000  # in a file; standard input may have more
NODES = 50_000  # values of a document once its aliases are written out
PROMPT_LETTERS = 20_000  # many times what a model reads
DEPTH = 24  # nested lists and mappings; a scene needs 5
MATRIX_SCENES = 10_000  # scenes that one `matrix` may make
MATRIX_BYTES = STREAM_BYTES  # what they may take together, about
NUMBER_DIGITS = 40
PROBLEMS = 100  # of a file that are told, errors and warnings each; scenes with errors, before the others are left
REFERENCE_PIXELS = 64_000_000
INSTANCES = 64
SMALLEST_SIDE, LARGEST_SIDE = 64, 4096  # of a canvas, in pixels
BOX_PIXELS = LARGEST_SIDE**2  # of a box, what sticks out of the canvas included: a subject is drawn whole
IMPORTED_PIXELS = 16 * REFERENCE_PIXELS  # of masks that an import draws for pictures which it has not seen
IMPORTED_MULTIPLE = 16  # of a canvas that an import chooses, in pixels: what models of today take
LARGEST_SEED = 2**63 - 1
LARGEST_COUNT = 10_000  # pictures of one scene
LARGEST_STEPS = 1000
LARGEST_GUIDANCE = 100
LARGEST_TURN = 360  # degrees, either way
ASPECT_TOLERANCE = 0.02  # how far a layout's aspect ratio may differ from the canvas' before we say so


class PromptReading(Protocol):
    """What a model reads of a prompt: `most` of `count` tokens, not the words that it has `cut` off at the end; of the
    `unknown` words nothing, or a part."""

    @property
    def count(self) -> int: ...

    @property
    def most(self) -> int: ...

    @property
    def cut(self) -> str: ...

    @property
    def unknown(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class PlacedSubject:
    """A subject in its box: `mask` is a thumbnail (L), `size` that of its picture, `box` has the edges in pixels."""

    mask: Image
    size: tuple[int, int]
    box: tuple[int, int, int, int]
    fit: str


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a scene can ask of the model at hand, as its card and its family say.

    Attributes:
        name: of the model.
        canvas_multiple: both sides of a canvas are multiples of it, in pixels.
        most_references, most_instances: None: as many as fit.
        smallest_reference: least side of a reference, in pixels.
        unsupported: keys that cannot be honoured, such as `layout` or `instances.fit`, with the reason.
        read_prompt: what it reads of a prompt; None, or nothing said of one: that is not known.
        canvas_advice: what is wrong with a width and a height that it was not made for, and what to do; None: nothing.
        subject_problem: why it cannot be given a subject in a box of a canvas; None: it can.
    """

    name: str
    canvas_multiple: int
    most_references: int | None = None
    most_instances: int | None = None
    smallest_reference: int = 1
    unsupported: Mapping[str, str] = field(default_factory=dict)
    read_prompt: Callable[[str], PromptReading | None] | None = None
    canvas_advice: Callable[[int, int], tuple[str, str] | None] | None = None
    subject_problem: Callable[[PlacedSubject, tuple[int, int]], str | None] | None = None
