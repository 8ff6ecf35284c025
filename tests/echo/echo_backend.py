"""A family of models that paints nothing: its pictures are the composite of the references. See docs/adding-a-model.md.

It stands in for families that another package brings: it is found by the entry points of `echo_backend-1.0.dist-info`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image

from contextgen.backends.base import Backend, Capabilities, Cost, Opening, Painter, Picture, Seen, Sketch
from contextgen.backends.choices import Numerics
from contextgen.weights.card import Card, is_side, stated
from contextgen.weights.model_folder import components


@dataclass(frozen=True)
class EchoCard(Card):
    """Defaults of the family; a folder's `contextgen.json` may say otherwise."""

    token_side: int = 8
    width: int = stated(64, is_side)
    height: int = stated(64, is_side)
    steps: int = stated(2, is_side)


class Echo(Backend):
    """Draws what it is given."""

    name = "Echo"
    capabilities = Capabilities(
        layout="composite",
        most_references=2,
        most_instances=3,
        smallest_reference=32,
        unsupported={
            "layout": "it composes by itself",
            "instances.fit": "it fills every box",
            "references.crop": "whole only",
        },
        guidance=False,
    )
    card_kind = EchoCard
    card: EchoCard

    def parts(self) -> Mapping[str, int]:
        return dict.fromkeys(components(self.folder), 1000)

    def cost(self, sketch: Sketch, numerics: Numerics) -> Cost:
        pixels = sketch.width * sketch.height
        return Cost(pixels // self.card.token_side**2, pixels * sketch.steps / 1e12, 4 * pixels)

    def seen(self, picture: Picture) -> Seen:
        layout = Image.new("RGBA", (picture.width, picture.height))
        inputs = []
        for instance in picture.instances:
            left, top, right, bottom = instance.box
            drawn = instance.image.convert("RGBA").resize((right - left, bottom - top))
            if instance.mask is not None:
                drawn.putalpha(instance.mask.resize(drawn.size))
            layout.alpha_composite(drawn, (max(left, 0), max(top, 0)), (max(-left, 0), max(-top, 0)))
            inputs.append(drawn)
        return Seen(layout, tuple(inputs))

    def open(self, opening: Opening) -> Painter:
        return EchoPainter(self)


class EchoPainter:
    def __init__(self, backend: Echo) -> None:
        self._backend = backend

    def paint(self, picture: Picture, on_step: Callable[[int], None]) -> Image.Image:
        canvas = Image.new("RGBA", (picture.width, picture.height), (picture.seed % 256, 0, 0, 255))
        canvas.alpha_composite(self._backend.seen(picture).layout)
        for step in range(picture.steps):
            on_step(step + 1)
        return canvas.convert("RGB")

    def free_caches(self) -> None: ...
