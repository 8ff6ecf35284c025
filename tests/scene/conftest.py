"""A folder with good references, and writing scenes into it."""

from __future__ import annotations

from pathlib import Path

import pytest
from good_scene import Check
from PIL import Image

from contextgen_cli.scene.limits import ModelLimits
from contextgen_cli.scene.loader import Loaded, LoadOptions, load

RELEASED = ModelLimits("kontext", 16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cut_out = Image.new("RGBA", (200, 160), (200, 80, 40, 0))
    cut_out.paste((200, 80, 40, 255), (40, 40, 160, 120))
    cut_out.save(tmp_path / "crab.png")
    Image.new("RGB", (150, 150), "brown").save(tmp_path / "bag.jpg")
    mask = Image.new("L", (150, 150), 0)
    mask.paste(255, (30, 30, 120, 120))
    mask.save(tmp_path / "bag_mask.png")
    return tmp_path


@pytest.fixture
def check(folder: Path) -> Check:
    """Load a text as `scene.yaml` of the folder."""

    def check(text: str | bytes, name: str = "scene.yaml", **options: object) -> Loaded:
        data = text.encode() if isinstance(text, str) else text
        (folder / name).write_bytes(data)
        options.setdefault("limits_of", lambda alias: RELEASED)
        return load([str(folder / name)], LoadOptions(**options))  # type: ignore[arg-type]

    return check
