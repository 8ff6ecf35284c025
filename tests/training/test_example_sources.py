"""What a stage's data says leads to the source of its examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from contextgen.data.imig.imig_writing import write_basic
from contextgen.data.stream import SyntheticStream
from contextgen.training.config import Folder, ImigData, SynthData
from contextgen.training.preprocessing.example_sources import open_source


def test_procedural_scenes_are_those_of_the_stream() -> None:
    data = SynthData({"complex": 1.0}, ((96, 64, 1.0),), (2, 2), {"absent": 1.0})
    (example,) = open_source(data, 7).batch(3, 1)
    assert example.target.size == (96, 64) and len(example.instances) == 2
    assert example.layout.getchannel("A").getextrema() == (0, 0)
    (again,) = open_source(data, 7).batch(3, 1)
    assert again.target.tobytes() == example.target.tobytes()
    assert open_source(data, 8).batch(3, 1)[0].target.tobytes() != example.target.tobytes()


def test_folders_are_read_at_the_size_asked_for(tmp_path: Path) -> None:
    write_basic(tmp_path / "set", SyntheticStream(1).scenes(0, 2))
    source = open_source(ImigData((Folder(tmp_path / "set"),), (96, 64)), 7)
    assert {example.target.size for example in source.batch(0, 2)} == {(96, 64)}


def test_a_folder_that_is_missing_is_said_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing"):
        open_source(ImigData((Folder(tmp_path / "none"),)), 7)
