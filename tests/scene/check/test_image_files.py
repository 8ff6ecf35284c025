"""What the header of an image file tells, before anything is decoded."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import profiles
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contextgen_cli.scene.check.image_files import ImageError, decoded, header
from contextgen_cli.scene.scene import Size

SIZE = (24, 16)


def exif(orientation: int) -> Image.Exif:
    written = Image.Exif()
    written[0x0112] = orientation
    return written


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_as_seen_and_as_stored(orientation: int, tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "it.jpg", exif=exif(orientation))
    found = header(tmp_path / "it.jpg")
    assert found.stored_size == Size(*SIZE) and found.orientation == orientation
    assert found.size == (Size(16, 24) if orientation >= 5 else Size(*SIZE))


def test_exif_behind_the_pixels_of_a_png_turns_it_in_the_header_already(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "it.png")
    content, piece = (tmp_path / "it.png").read_bytes(), b"eXIf" + exif(6).tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(piece) - 4) + piece + struct.pack(">I", zlib.crc32(piece))
    (tmp_path / "it.png").write_bytes(content[:-12] + chunk + content[-12:])
    assert (header(tmp_path / "it.png").size, header(tmp_path / "it.png").orientation) == (Size(16, 24), 6)


@pytest.mark.parametrize(("ending", "has_more"), [("gif", True), ("png", True), ("webp", True), ("tif", True)])
def test_what_follows_the_first_picture(ending: str, has_more: bool, tmp_path: Path) -> None:
    frames = [Image.new("L", SIZE, tone).convert("RGB") for tone in (10, 200)]
    frames[0].save(tmp_path / f"it.{ending}", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / f"one.{ending}")
    assert header(tmp_path / f"it.{ending}").has_more is has_more
    assert not header(tmp_path / f"one.{ending}").has_more


def test_a_gain_map_is_no_page(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "it.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    with Image.open(tmp_path / "it.jpg") as image:
        assert (image.format, image.n_frames) == ("MPO", 2)
    assert not header(tmp_path / "it.jpg").has_more
    with decoded(tmp_path / "it.jpg") as image:
        assert image.size == SIZE


def test_profiles_are_named_where_they_cannot_be_applied(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "good.png", icc_profile=profiles.swapped())
    Image.new("RGB", SIZE).save(tmp_path / "bad.jpg", icc_profile=b"junk" * 50)
    assert header(tmp_path / "good.png").left_out == ()
    assert header(tmp_path / "bad.jpg").left_out == ("its colour profile cannot be read",)


def test_exif_that_cannot_be_read_turns_nothing_and_is_named(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n 3\nno number\n")
    Image.new("RGB", SIZE).save(tmp_path / "bad.png", pnginfo=text)
    found = header(tmp_path / "bad.png")
    assert found.orientation == 1 and found.left_out == ("its EXIF cannot be read",)
    with decoded(tmp_path / "bad.png") as image:
        assert image.size == SIZE


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tif", "gif"])
@pytest.mark.parametrize("end", [0, 1, 12, 60, 0.5])
def test_truncated_files_say_so(ending: str, end: float, tmp_path: Path) -> None:
    path = tmp_path / f"it.{ending}"
    Image.effect_noise((96, 64), 90).convert("RGB").save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * end) if 0 < end < 1 else int(end)])
    with pytest.raises(ImageError) as raised, decoded(path):
        pass
    assert raised.value.code in ("not-an-image", "damaged-image")


def test_a_changed_file_of_the_same_length_is_read_again(tmp_path: Path) -> None:
    for time, size in enumerate([(24, 16), (16, 24)]):
        Image.new("RGB", size).save(tmp_path / "it.bmp")
        os.utime(tmp_path / "it.bmp", (time, time))
        assert header(tmp_path / "it.bmp").size == Size(*size)
