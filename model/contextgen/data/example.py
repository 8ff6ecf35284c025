"""One training example, and what every source of examples can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from contextgen.method.layout import Instance


@dataclass(frozen=True)
class Example:
    """One training pair: what the model is given and the picture it should paint.

    Attributes:
        name: says where the example comes from, for messages.
        prompt: the caption, without any template.
        target: RGB, the size of the canvas.
        instances: boxes in the target's pixels; back to front, where there is no layout that says otherwise.
        layout: RGBA of the canvas' size, as `ContextGenPipeline` takes it; None: the automatic composite.
        needs_prompt: training never empties the caption, without which nobody could know what was painted.
    """

    name: str
    prompt: str
    target: Image.Image
    instances: tuple[Instance, ...]
    layout: Image.Image | None = None
    needs_prompt: bool = False


class ExampleSource(Protocol):
    """Examples as a pure function of an index: resumable, and shared by any number of workers.

    One that has `notes`, a sequence of texts, has a run told them before it begins.
    """

    def batch(self, index: int, size: int) -> list[Example]:
        """The `size` examples of batch `index`, all of one canvas size."""
        ...
