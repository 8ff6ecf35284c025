"""`contextgen init` where it cannot go well."""

from __future__ import annotations

import errno
import os

import pytest


@pytest.mark.parametrize("name", ["scene.txt", "scene.json", "scene.png.jpg"])
def test_another_kind_of_file_is_no_folder(contextgen, tmp_path, name):
    result = contextgen("init", tmp_path / "pp" / name)
    assert result.code == 2
    assert "scene files are YAML" in result.err
    assert ".yaml, or name a folder" in result.err
    assert not (tmp_path / "pp").exists()


@pytest.mark.parametrize("written", [0, 1, 3])
def test_a_full_disk_leaves_nothing_behind(contextgen, tmp_path, monkeypatch, written):
    synced = os.fsync
    calls = iter(range(100))

    def full(descriptor: int) -> None:
        if next(calls) >= 2 * written:  # a file and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    (tmp_path / "mine").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    result = contextgen("init", tmp_path / "mine" / "p2")
    assert result.code == 3
    assert "the disk is full" in result.err
    assert "Choose another PATH" in result.err and " -o" not in result.err
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]
