"""Synthetic scenes as a set in the format of `imig-basic`, for any loader of IMIG-100K.

A scene's reference, upright and as drawn, is the *edited* one of the format; the crop of the target is the other.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from contextgen.data.imig.imig_release import PROMPTS
from contextgen.data.synthetic_scenes import SyntheticScene

_QUALITY = 95
_BEHIND = (255, 255, 255)  # what a JPEG reference shows around its subject


def write_basic(folder: Path, scenes: Iterable[SyntheticScene]) -> int:
    """Write scenes into a folder and return how many they were; `filtered_prompts.json` comes last.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    records = []
    for index, scene in enumerate(scenes):
        for name, data in _files(index, scene):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        records.append(_record(index, scene))
    text = json.dumps(records, ensure_ascii=False, indent=1)
    (folder / PROMPTS).write_text(text + "\n", encoding="utf-8")
    return len(records)


def _record(index: int, scene: SyntheticScene) -> dict[str, Any]:
    references = [
        {
            "index": number,
            "phrase": name,
            "bbox": list(instance.box),
            "valid_bbox": list(instance.image.getchannel("A").point(_opaque).getbbox() or ()),
        }
        for number, (name, instance) in enumerate(zip(scene.names, scene.instances, strict=True))
    ]
    return {"index": index, "prompt": scene.prompt, "nouns": list(scene.names), "reference_images": references}


def _files(index: int, scene: SyntheticScene) -> Iterator[tuple[str, bytes]]:
    yield f"data/{index:06d}.jpg", _jpeg(scene.target)
    for number, instance in enumerate(scene.instances):
        name = f"{index:06d}_{number}"
        seen = scene.visible_masks[number] if scene.visible_masks[number].any() else scene.full_masks[number]
        yield f"instance_data/{name}.jpg", _jpeg(scene.target.crop(instance.box))
        yield f"masked_instance_data/{name}_mask.png", _png(_mask(seen).crop(instance.box))
        yield f"kontext_data/{name}.jpg", _jpeg(_on_paper(instance.image))
        yield f"masked_kontext_data/{name}_mask.png", _png(instance.image.getchannel("A").point(_opaque))


def _on_paper(reference: Image.Image) -> Image.Image:
    """The reference before white; its own colours go a little beyond its edge, so that resizing draws no white in."""
    paper = Image.new("RGB", reference.size, _BEHIND)
    beyond = reference.getchannel("A").point(lambda alpha: 255 * (alpha > 0)).filter(ImageFilter.MaxFilter(5))
    paper.paste(reference.convert("RGB"), mask=beyond)
    return paper


def _opaque(alpha: int) -> int:
    return 255 * (alpha > 127)


def _mask(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * np.uint8(255))


def _jpeg(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY, subsampling=0)
    return data.getvalue()


def _png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
