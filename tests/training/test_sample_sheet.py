"""The sheets painted on the way."""

from __future__ import annotations

import os
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


@pytest.mark.skipif(os.name == "nt", reason="needs rights for links")
def test_a_sheet_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "000001.png").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        train(config(tmp_path, stage(steps=1, samples=Samples(every=1, scenes=1, steps=1))), Notes(), open_shapes)
    assert (tmp_path / "victim").read_text() == "mine"
