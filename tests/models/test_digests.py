"""Weights and the images of a batch are read once, and again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contextgen_cli.models import digests
from contextgen_cli.records import image_digests


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


def test_files_of_one_name_are_remembered_apart(large: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / large.name
    other.parent.mkdir()
    other.write_bytes(large.read_bytes())
    os.utime(other, ns=(large.stat().st_mtime_ns,) * 2)
    assert digests.cached_digest(large, lambda file: "first") == "first"
    assert digests.cached_digest(other, lambda file: "second") == "second"
    assert digests.cached_digest(large, lambda file: "again") == "first"


@pytest.mark.parametrize("content", ["not json", "[]", "{"])
def test_a_broken_memory_is_made_anew(large: Path, tmp_path: Path, content: str) -> None:
    store = tmp_path / "cache" / "contextgen" / "digests.json"
    store.parent.mkdir(parents=True)
    store.write_text(content)
    assert digests.cached_digest(large, lambda file: "first") == "first"
    assert digests.cached_digest(large, lambda file: "second") == "first"


def test_without_a_place_to_remember_it_is_read_each_time(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert digests.cached_digest(large, lambda file: "first") == "first"
    assert digests.cached_digest(large, lambda file: "second") == "second"


@pytest.fixture
def batch(tmp_path: Path) -> tuple[Path, list[Path]]:
    """An output folder, and images enough for a batch to remember."""
    (tmp_path / "out").mkdir()
    images = [tmp_path / f"{number}.png" for number in range(image_digests._MANY)]
    for image in images:
        image.write_bytes(b"image")
    return tmp_path / "out", images


def asked(memory: digests.ImageDigests, images: list[Path]) -> digests.ImageDigests:
    """`memory`, after it was asked for the images."""
    assert {memory.digest(image) for image in images} == {"digest"}
    return memory


def test_a_batch_reads_an_image_again_only_when_it_was_changed(batch: tuple[Path, list[Path]]) -> None:
    out, images = batch
    read: list[Path] = []

    def digest_of(path: Path) -> str:
        read.append(path)
        return "digest"

    first = asked(digests.ImageDigests(out, digest_of), images)
    first.verified.add("crab")
    first.keep()
    assert read == images
    again = asked(digests.ImageDigests(out, digest_of), images)
    assert (read, again.verified) == (images, {"crab"})
    os.utime(images[0], ns=(1, 1))
    images[1].write_bytes(b"another size")
    asked(digests.ImageDigests(out, digest_of), images)
    assert read[len(images) :] == images[:2]


def test_few_images_leave_no_memory_and_a_batch_no_strays(batch: tuple[Path, list[Path]]) -> None:
    out, images = batch
    asked(few := digests.ImageDigests(out, lambda path: "digest"), images[1:])
    few.keep()
    assert list(out.iterdir()) == []
    (out / ".contextgen").mkdir()
    (out / ".contextgen" / f".images.json.{os.uname().nodename}.4194303.part").touch()  # of a run that was killed
    many = digests.ImageDigests(out, lambda path: "digest")
    asked(many, images).keep()
    assert [path.name for path in (out / ".contextgen").iterdir()] == ["images.json"]


@pytest.mark.parametrize("content", ["not json", "[]", '{"digests": 7}', '{"digests": {"0.png": "x"}, "verified": []}'])
def test_a_batch_with_a_broken_memory_reads_its_images(batch: tuple[Path, list[Path]], content: str) -> None:
    out, images = batch
    (out / ".contextgen").mkdir()
    (out / ".contextgen" / "images.json").write_text(content)
    memory = digests.ImageDigests(out, lambda path: "digest")
    assert (memory.digest(images[0]), memory.verified) == ("digest", set())
