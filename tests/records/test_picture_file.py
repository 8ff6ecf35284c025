"""PNG files that somebody made to be hard on who reads them: refused at once, with the reason."""

from __future__ import annotations

import io
import os
import struct
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from contextgen_cli.records.output import encode
from contextgen_cli.records.picture_file import OddPicture, opened, record_text, refuse_large

SIGNATURE, REST = encode(Image.new("RGB", (8, 8)))[:33], encode(Image.new("RGB", (8, 8)))[33:]  # up to IHDR's end
QUICK = 1.0  # seconds of a processor, far below what Pillow alone would take


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunks(path: Path, chunks: Iterable[bytes], behind: Iterable[bytes] = ()) -> Path:
    path.write_bytes(SIGNATURE + b"".join(chunks) + REST[:-12] + b"".join(behind) + REST[-12:])
    return path


def text(keyword: bytes, content: bytes) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + content)


def compressed(keyword: bytes, content: bytes) -> bytes:
    return chunk(b"iTXt", keyword + b"\0\1\0\0\0" + zlib.compress(content))


def test_a_picture_and_its_record(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(Image.new("RGB", (8, 8), "red"), {"job": "x"}))
    with opened(tmp_path / "a.png") as image:
        assert record_text(image) == '{"job": "x"}'
        assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("written", [text, compressed])
def test_a_record_that_another_program_wrote_anew_is_found(tmp_path: Path, written) -> None:
    with opened(with_chunks(tmp_path / "a.png", [written(b"contextgen", b"{}")])) as image:
        assert record_text(image) == "{}"


BOMB = b"0" * (64 << 20)


@pytest.mark.parametrize(
    ("chunks", "behind", "said"),
    [
        ([text(b"contextgen", b"{}"), compressed(b"contextgen", b"{}")], [], "two records"),
        ([compressed(b"contextgen", BOMB)], [], "too large"),
        ([text(b"a", BOMB[: 17 << 20])], [], "more is written beside"),
        ([chunk(b"prVt", BOMB[: 9 << 20])] * 2, [], "more is written beside"),
        ([text(b"a", b"b")] * 300, [], "more is written beside"),
        ([], [text(b"a", b"b")] * 300, "more is written beside"),
        ([chunk(b"IDAT", b"")] * 200_000, [], "more parts"),
    ],
    ids=["two", "bomb", "text", "unknown", "many", "behind", "parts"],
)
def test_what_is_too_much_is_refused_at_once(tmp_path: Path, chunks, behind, said) -> None:
    path = with_chunks(tmp_path / "a.png", chunks, behind)
    began = time.process_time()
    with pytest.raises(OddPicture, match=said), opened(path) as image:
        image.load()
    assert time.process_time() - began < QUICK


def test_many_pixels_are_no_reason_to_decode_them(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("1", (4097, 4096)).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    with pytest.raises(OddPicture, match="4097x4096 px are more than 4096x4096"), opened(tmp_path / "a.png") as image:
        refuse_large(image)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", SIGNATURE])
def test_what_is_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(OSError), opened(tmp_path / "a.png"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="has no FIFOs")
def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(OSError, match="not a regular file"), opened(tmp_path / "a.png"):
        pass
