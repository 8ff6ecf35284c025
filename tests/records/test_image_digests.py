"""The images of a batch are read once, and again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contextgen_cli.records import image_digests
from contextgen_cli.records.image_digests import ImageDigests


@pytest.fixture
def batch(tmp_path: Path) -> tuple[Path, list[Path]]:
    """An output folder, and images enough for a batch to remember."""
    (tmp_path / "out").mkdir()
    images = [tmp_path / f"{number}.png" for number in range(image_digests._MANY)]
    for image in images:
        image.write_bytes(b"image")
    return tmp_path / "out", images


def asked(memory: ImageDigests, images: list[Path]) -> ImageDigests:
    """`memory`, after it was asked for the images."""
    assert {memory.digest(image) for image in images} == {"digest"}
    return memory


def test_a_batch_reads_an_image_again_only_when_it_was_changed(batch: tuple[Path, list[Path]]) -> None:
    out, images = batch
    read: list[Path] = []

    def digest_of(path: Path) -> str:
        read.append(path)
        return "digest"

    first = asked(ImageDigests(out, digest_of), images)
    first.verified.add("crab")
    first.keep()
    assert read == images
    again = asked(ImageDigests(out, digest_of), images)
    assert (read, again.verified) == (images, {"crab"})
    os.utime(images[0], ns=(1, 1))
    images[1].write_bytes(b"another size")
    asked(ImageDigests(out, digest_of), images)
    assert read[len(images) :] == images[:2]


def test_an_image_replaced_by_one_of_the_same_size_and_time_is_another(batch: tuple[Path, list[Path]]) -> None:
    out, images = batch
    first = ImageDigests(out, lambda path: path.read_text())
    assert {first.digest(image) for image in images} == {"image"}
    first.keep()
    state = images[0].stat()
    (out.parent / "other").write_bytes(b"IMAGE")
    os.utime(out.parent / "other", ns=(state.st_atime_ns, state.st_mtime_ns))
    (out.parent / "other").replace(images[0])
    images[1].write_bytes(b"again")
    os.utime(images[1], ns=(images[1].stat().st_atime_ns, state.st_mtime_ns))
    again = ImageDigests(out, lambda path: path.read_text())
    assert [again.digest(image) for image in images[:3]] == ["IMAGE", "again", "image"]


def test_few_images_leave_no_memory_and_a_batch_no_strays(batch: tuple[Path, list[Path]]) -> None:
    out, images = batch
    asked(few := ImageDigests(out, lambda path: "digest"), images[1:])
    few.keep()
    assert list(out.iterdir()) == []
    (out / ".contextgen").mkdir()
    (out / ".contextgen" / f".images.json.{os.uname().nodename}.4194303.part").touch()  # of a run that was killed
    many = ImageDigests(out, lambda path: "digest")
    asked(many, images).keep()
    assert [path.name for path in (out / ".contextgen").iterdir()] == ["images.json"]


@pytest.mark.parametrize(
    "content",
    ["not json", "[]", '{"digests": 7}', '{"digests": {"0.png": "x"}, "verified": []}', '{"a": ' + "[" * 100_000],
    ids=["text", "list", "number", "odd", "deep"],
)
def test_a_batch_with_a_broken_memory_reads_its_images(batch: tuple[Path, list[Path]], content: str) -> None:
    out, images = batch
    (out / ".contextgen").mkdir()
    (out / ".contextgen" / "images.json").write_text(content)
    memory = ImageDigests(out, lambda path: "digest")
    assert (memory.digest(images[0]), memory.verified) == ("digest", set())
