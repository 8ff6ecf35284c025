"""What is measured: pictures of the model, of the model with a part switched off, and what they are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from contextgen.data.hints import DRAWING_CARD
from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation.synthetic.background_metric import redrawn
from contextgen.method.layout import compose, prepare_reference

ABLATIONS = ("no-ica", "ica-everywhere", "no-layout", "no-offsets")


@dataclass(frozen=True)
class System:
    """A way to answer scenes with pictures.

    Attributes:
        name: as in tables.
        picture: (scene, its number, which seeds the noise) -> RGB of the truth's size.
        painted: whether a model does it, so that its time is worth knowing.
    """

    name: str
    picture: Callable[[SyntheticScene, int], Image.Image]
    painted: bool = False


def model_systems(pipe: Any, name: str, steps: int | None = None, ablations: Sequence[str] = ()) -> list[System]:
    """The model, and the same weights under each ablation.

    Args:
        pipe: a `ContextGenPipeline`; it is as before after every picture.
        steps: None for the model's own number.

    Raises:
        ValueError: there is no such ablation.
    """
    if unknown := sorted(set(ablations) - set(ABLATIONS)):
        raise ValueError(f"unknown ablation {unknown[0]!r}: use one of {', '.join(ABLATIONS)}")

    def painter(ablation: str) -> Callable[[SyntheticScene, int], Image.Image]:
        return lambda scene, number: _paint(pipe, scene, number, steps, ablation)

    ablated = [System(ablation, painter(ablation), painted=True) for ablation in ablations]
    return [System(name, painter(""), painted=True), *ablated]


def comparisons(pipe: Any) -> list[System]:
    """The truth; what the codec of `pipe` leaves of it; the layout; the layout pasted on the background asked for."""
    return [
        System("truth", lambda scene, number: scene.target),
        System("codec", lambda scene, number: _through_codec(pipe, scene.target)),
        System("layout", lambda scene, number: on_grey(layout_of(scene))),
        System("pasted layout", lambda scene, number: _on_its_background(scene)),
    ]


def layout_of(scene: SyntheticScene) -> Image.Image:
    """The scene's layout image, RGBA: its own, or the automatic composite."""
    if scene.layout is not None:
        return scene.layout
    width, height = scene.target.size
    references = [prepare_reference(instance, DRAWING_CARD, width, height) for instance in scene.instances]
    return compose(references, scene.instances, width, height).image


@torch.no_grad()
def _through_codec(pipe: Any, picture: Image.Image) -> Image.Image:
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    coded = pipe.vae.encode(pixels.to(pipe.vae.device, pipe.vae.dtype))
    latents = coded.latents if hasattr(coded, "latents") else coded.latent_dist.mode()
    decoded: Image.Image = pipe.image_processor.postprocess(pipe.vae.decode(latents, return_dict=False)[0])[0]
    return decoded


def on_grey(layout: Image.Image) -> Image.Image:
    """A layout image as the model sees it, RGB: mid-grey where nothing is given."""
    return Image.alpha_composite(Image.new("RGBA", layout.size, (128, 128, 128, 255)), layout).convert("RGB")


def _on_its_background(scene: SyntheticScene) -> Image.Image:
    """On the look of the background that the caption names, drawn anew: the truth's own pixels are nobody's to know."""
    (background,) = redrawn(scene.background, scene.variant, *scene.target.size, 1)
    return Image.alpha_composite(Image.fromarray(background).convert("RGBA"), layout_of(scene)).convert("RGB")


def _paint(pipe: Any, scene: SyntheticScene, number: int, steps: int | None, ablation: str) -> Image.Image:
    width, height = scene.target.size
    nothing = Image.new("RGBA", (width, height)) if ablation == "no-layout" else None
    with _ablated(pipe, ablation):
        picture: Image.Image = pipe(
            scene.prompt,
            instances=scene.instances,
            layout=nothing or scene.layout,
            height=height,
            width=width,
            num_inference_steps=steps,
            seed=number,
        ).images[0]
    return picture


@contextmanager
def _ablated(pipe: Any, ablation: str) -> Iterator[None]:
    """The pipeline without a part of the method, inside the block."""
    whole = pipe.card
    config = pipe.transformer.config
    everywhere = tuple(range(config.num_layers + config.num_single_layers))
    blocks = {"no-ica": (), "ica-everywhere": everywhere}.get(ablation, whole.ica_blocks)
    try:
        pipe.card = replace(whole, ica_blocks=blocks)
        pipe.set_attention(offsets=ablation != "no-offsets")
        yield
    finally:
        pipe.card = whole
        pipe.set_attention()
