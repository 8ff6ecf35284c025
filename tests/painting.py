"""The tiny real model, and a scene to paint with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

GOLDEN = Path(__file__).parent / "golden"
TINY_MODEL = GOLDEN / "tiny-kontext"
TINY_ADAPTER = TINY_MODEL / "adapter"


def write_scene(path: Path, **changes: Any) -> Path:
    """Write a scene file and its references; `changes` replace keys of it."""
    references = path.parent / "refs"
    references.mkdir(parents=True, exist_ok=True)
    for name, colour in (("crab", "#c03020"), ("bag", "#805020")):
        if not (references / f"{name}.png").exists():
            draw_reference(references / f"{name}.png", colour)
    content = {
        "version": 1,
        "prompt": "a crab is holding a bag",
        "canvas": {"width": 128, "height": 96},
        "references": {"crab": {"image": "refs/crab.png"}, "bag": {"image": "refs/bag.png"}},
        "instances": [
            {"reference": "bag", "box": {"x": 8, "y": 16, "width": 56, "height": 64}},
            {"reference": "crab", "box": {"left": "50%", "top": "25%", "right": "94%", "bottom": "88%"}},
        ],
        **changes,
    }
    path.write_text(json.dumps(content, indent=1))  # JSON is YAML
    return path


def draw_reference(path: Path, colour: str) -> None:
    picture = Image.new("RGBA", (120, 100))
    ImageDraw.Draw(picture).ellipse((8, 8, 112, 92), fill=colour)
    picture.save(path)


def with_options(options: tuple[Any, ...], *more: Any) -> tuple[Any, ...]:
    """Options and more of them; of what is given in both the later, as none that takes a value may stand twice."""
    given: dict[str, tuple[Any, ...]] = {}
    name = ""
    for part in (*options, *more):
        if str(part).startswith("-"):
            name, given[part] = part, ()
        else:
            given[name] += (part,)
    return tuple(part for name, values in given.items() for part in (name, *values))
