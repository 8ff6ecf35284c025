"""The sheets painted on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from shapes import Notes, config, open_shapes, stage

from contextgen.training.config import Samples
from contextgen.training.trainer import train

pytestmark = pytest.mark.training


def test_sheets_are_painted_with_what_is_saved(tmp_path: Path) -> None:
    train(config(tmp_path, stage(steps=2, samples=Samples(every=1, scenes=2, steps=1))), Notes(), open_shapes)
    sheets = sorted((tmp_path / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["000001.png", "000002.png"]
    assert Image.open(sheets[0]).size == (2 * 68, 3 * 52)
