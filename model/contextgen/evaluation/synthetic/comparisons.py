"""What a model's pictures of the synthetic scenes are held against: the truth, its codec, the layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image

from contextgen.backends.finite import refuse_not_finite
from contextgen.data.hints import DRAWING_CARD
from contextgen.data.synthetic_scenes import SyntheticScene
from contextgen.evaluation.synthetic.background_metric import redrawn
from contextgen.method.layout import compose, prepare_reference


def comparisons(pipe: Any) -> Mapping[str, Callable[[SyntheticScene], Image.Image]]:
    """The truth; what the codec of `pipe` leaves of it; the layout; the layout pasted on the background asked for."""
    return {
        "truth": lambda scene: scene.target,
        "codec": lambda scene: _through_codec(pipe, scene.target),
        "layout": lambda scene: on_grey(layout_of(scene)),
        "pasted layout": _on_its_background,
    }


def layout_of(scene: SyntheticScene) -> Image.Image:
    """The scene's layout image, RGBA: its own, or the automatic composite."""
    if scene.layout is not None:
        return scene.layout
    width, height = scene.target.size
    references = [prepare_reference(instance, DRAWING_CARD, width, height) for instance in scene.instances]
    return compose(references, scene.instances, width, height).image


def on_grey(layout: Image.Image) -> Image.Image:
    """A layout image as the model sees it, RGB: mid-grey where nothing is given."""
    return Image.alpha_composite(Image.new("RGBA", layout.size, (128, 128, 128, 255)), layout).convert("RGB")


@torch.no_grad()
def _through_codec(pipe: Any, picture: Image.Image) -> Image.Image:
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    coded = pipe.vae.encode(pixels.to(pipe.vae.device, pipe.vae.dtype))
    latents = coded.latents if hasattr(coded, "latents") else coded.latent_dist.mode()
    numbers = pipe.vae.decode(latents, return_dict=False)[0]
    refuse_not_finite(numbers, "a picture through the codec", pipe.vae.dtype)
    decoded: Image.Image = pipe.image_processor.postprocess(numbers)[0]
    return decoded


def _on_its_background(scene: SyntheticScene) -> Image.Image:
    """On the look of the background that the caption names, drawn anew: the truth's own pixels are nobody's to know."""
    (background,) = redrawn(scene.background, scene.variant, *scene.target.size, 1)
    return Image.alpha_composite(Image.fromarray(background).convert("RGBA"), layout_of(scene)).convert("RGB")
