"""Weights are read once, and again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contextgen_cli.models import digests


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "_LARGE", 4)
    path = tmp_path / "weights"
    path.write_bytes(b"12345")
    return path


def test_an_unchanged_file_is_not_read_again(large: Path) -> None:
    assert digests.cached_digest(large, lambda file: "first") == "first"
    assert digests.cached_digest(large, lambda file: "second") == "first"


@pytest.mark.parametrize(("content", "time"), [(b"54321", 1), (b"123456", 0)], ids=["time", "size"])
def test_a_changed_file_is(large: Path, content: bytes, time: int) -> None:
    os.utime(large, ns=(0, 0))
    digests.cached_digest(large, lambda file: "first")
    large.write_bytes(content)
    os.utime(large, ns=(time, time))
    assert digests.cached_digest(large, lambda file: "second") == "second"


def test_one_of_the_same_size_and_time_in_its_place_is_another(large: Path, tmp_path: Path) -> None:
    digests.cached_digest(large, lambda file: "first")
    state = large.stat()
    (tmp_path / "copy").write_bytes(b"54321")
    os.utime(tmp_path / "copy", ns=(state.st_atime_ns, state.st_mtime_ns))
    (tmp_path / "copy").replace(large)
    assert digests.cached_digest(large, lambda file: "second") == "second"


def test_files_of_one_name_are_remembered_apart(large: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / large.name
    other.parent.mkdir()
    other.write_bytes(large.read_bytes())
    os.utime(other, ns=(large.stat().st_mtime_ns,) * 2)
    assert digests.cached_digest(large, lambda file: "first") == "first"
    assert digests.cached_digest(other, lambda file: "second") == "second"
    assert digests.cached_digest(large, lambda file: "again") == "first"


@pytest.mark.parametrize(
    "content",
    ["not json", "[]", "{", "[" * 100_000, '{"WEIGHTS": 7}', '{"WEIGHTS": ["x"]}'],
    ids=lambda text: text[:12],
)
def test_a_broken_memory_is_made_anew(large: Path, tmp_path: Path, content: str) -> None:
    store = tmp_path / "cache" / "contextgen" / "digests.json"
    store.parent.mkdir(parents=True)
    store.write_text(content.replace("WEIGHTS", str(large.resolve())))
    assert digests.cached_digest(large, lambda file: "first") == "first"
    assert digests.cached_digest(large, lambda file: "second") == "first"


def test_without_a_place_to_remember_it_is_read_each_time(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert digests.cached_digest(large, lambda file: "first") == "first"
    assert digests.cached_digest(large, lambda file: "second") == "second"
