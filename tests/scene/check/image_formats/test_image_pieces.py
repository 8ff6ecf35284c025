"""Files of a million pieces are refused at once; those that programs write are not."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contextgen_cli.scene.check.image_files import ImageError, header
from contextgen_cli.scene.check.image_formats.image_pieces import has_late_exif, too_many

MILLION = 1_000_000


def saved(kind: str, **how: object) -> bytes:
    data = io.BytesIO()
    Image.new("P", (24, 16)).convert("RGB" if kind == "JPEG" else "P").save(data, kind, **how)
    return data.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG, JPEG, GIF = saved("PNG"), saved("JPEG"), saved("GIF")
FRAME = GIF[GIF.index(b"\x2c", 13 + 3 * 2) : -1]
HEAD = GIF[: len(GIF) - len(FRAME) - 1]
BOMBS = {
    "texts before the pixels": PNG[:33] + chunk(b"tEXt", b"a\0b") * MILLION + PNG[33:],
    "texts behind the pixels": PNG[:-12] + chunk(b"tEXt", b"a\0b") * MILLION + PNG[-12:],
    "comments of a JPEG": JPEG[:2] + b"\xff\xfe\0\2" * MILLION + JPEG[2:],
    "bytes between the markers of a JPEG": JPEG[:2] + b"\0" * MILLION + JPEG[2:],
    "comments of a GIF": HEAD + b"\x21\xfe\1a\0" * MILLION + FRAME + b";",
    "bytes between the blocks of a GIF": HEAD + b"\0" * MILLION + FRAME + b";",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_million_pieces_are_refused_at_once(kind: str, tmp_path: Path) -> None:
    (tmp_path / "it.png").write_bytes(BOMBS[kind])
    begun = time.process_time()
    with pytest.raises(ImageError, match="more than 20,000 pieces") as raised:
        header(tmp_path / "it.png")
    assert raised.value.code == "damaged-image" and time.process_time() - begun < 0.5


def test_a_million_frames_and_ten_thousand_pages_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "it.gif").write_bytes(HEAD + FRAME * MILLION + b";")
    page = Image.new("L", (4, 4))
    page.save(tmp_path / "it.tif", save_all=True, append_images=[page] * 3000)
    begun = time.process_time()
    assert header(tmp_path / "it.gif").has_more and header(tmp_path / "it.tif").has_more
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_what_programs_write_is_not_refused(kind: str, tmp_path: Path) -> None:
    frames = {"save_all": True, "append_images": [Image.new("P", (24, 16), 3)] * 9} if kind in ("PNG", "GIF") else {}
    (tmp_path / "it").write_bytes(saved(kind, **frames))
    assert not too_many(tmp_path / "it") and header(tmp_path / "it").size.width == 24


@pytest.mark.parametrize("end", [9, 20, 40])
def test_a_file_that_ends_early_has_few_pieces(end: int, tmp_path: Path) -> None:
    for data in (PNG, JPEG, GIF):
        (tmp_path / "it").write_bytes(data[:end])
        assert not too_many(tmp_path / "it")


def test_exif_behind_the_pixels_turns_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    late = PNG[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + PNG[-12:]
    (tmp_path / "late.png").write_bytes(late)
    text = PngInfo()
    text.add_text("Comment", "none")
    (tmp_path / "early.png").write_bytes(saved("PNG", exif=exif, pnginfo=text))
    assert has_late_exif(tmp_path / "late.png") and not has_late_exif(tmp_path / "early.png")
    for name in ("late.png", "early.png"):
        assert (header(tmp_path / name).size.width, header(tmp_path / name).orientation) == (16, 6)
