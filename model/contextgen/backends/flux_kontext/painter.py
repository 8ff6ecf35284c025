"""A FLUX.1-Kontext model, open: pictures in, pixels out, by the pipeline."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from contextgen.backends.base import Opening, Picture
from contextgen.backends.flux_kontext.attention.parallel import Parallel
from contextgen.backends.flux_kontext.flux_numerics import FluxNumerics
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.backends.flux_kontext.pretrained import expecting_no_method
from contextgen.backends.flux_kontext.text_cache import TextCache

_log = logging.getLogger(__name__)


class FluxPainter:
    """Implements `contextgen.backends.base.Painter`."""

    def __init__(self, pipe: ContextGenPipeline) -> None:
        self.pipe = pipe
        self.free_caches = pipe.empty_caches

    def paint(self, picture: Picture, on_step: Callable[[int], None]) -> Image.Image:
        """As the border says."""

        def step_ended(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            on_step(step + 1)
            return values

        image: Image.Image = self.pipe(
            picture.prompt,
            instances=picture.instances,
            layout=picture.layout,
            height=picture.height,
            width=picture.width,
            num_inference_steps=picture.steps,
            guidance_scale=picture.guidance,
            seed=picture.seed,
            callback_on_step_end=step_ended,
        ).images[0]
        return image


def open_painter(folder: Path, opening: Opening) -> FluxPainter:
    """Load a model's weights, and place them on the device as its memory preset says."""
    numerics = opening.numerics
    assert isinstance(numerics, FluxNumerics)
    text_cache = None if opening.text_cache is None else TextCache(opening.text_cache, opening.weights)
    with expecting_no_method():
        pipe = ContextGenPipeline.from_pretrained(
            folder,
            adapter=[(adapter.path, adapter.scale) for adapter in opening.adapters],
            dtype=numerics.dtype,
            attention=numerics.attention,
            ica=numerics.ica,
            ablation=numerics.ablation,
            quantize=numerics.quantize,
        )
    pipe.set_progress_bar_config(disable=True)
    _place(pipe, opening.device, opening.memory)
    if opening.parallel is not None:
        pipe.parallel = Parallel(opening.parallel.way)  # before blocks are compiled for it
    if numerics.compile:
        _log.info("compiled in %.1f s", pipe.compile_blocks())
    pipe.cache_steps, pipe.reuse_references = numerics.cache_steps, numerics.reuse_references
    pipe.text_cache = text_cache
    return FluxPainter(pipe)


def _place(pipe: ContextGenPipeline, device: str, memory: str) -> None:
    match memory:
        case "lean":
            pipe.enable_lean_offload(device)
        case "offload":
            pipe.enable_model_cpu_offload(device=device)
        case "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        case _:
            pipe.to(device)
