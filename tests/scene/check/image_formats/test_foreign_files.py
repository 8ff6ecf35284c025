"""A file that is no image that we read is called what it is, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, features

from contextgen_cli.scene.check.image_files import FORMATS, ImageError, header

STARTS = {
    "HEIC": (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + b"\0" * 99, "a HEIC picture", "magick it.jpg it.png"),
    "HEIC of several": (b"\0\0\0\x24ftypmif1\0\0\0\0mif1heic" + b"\0" * 99, "a HEIC picture", "Most Compatible"),
    "video": (b"\0\0\0\x18ftypmp42" + b"\0" * 99, "a video", "save a frame"),
    "JPEG XL": (b"\xff\x0a" + b"\0" * 99, "a JPEG XL picture", "magick it.jpg it.png"),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 99, "a JPEG 2000 picture", "magick"),
    "Photoshop": (b"8BPS\0\1" + b"\0" * 99, "a Photoshop document", "export it as PNG"),
    "PDF": (b"%PDF-1.7\n", "a PDF document", "as PNG"),
    "archive": (b"PK\x03\x04" + b"\0" * 99, "an archive", "unpack"),
    "SVG": (
        b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        "an SVG drawing",
        "PNG",
    ),
    "web page": (b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>404</body></html>", "a web page", "open the address"),
    "error of a service": (b'{"error": "not found"}', "text, not an image", "open the address"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a pointer of Git LFS", "git lfs pull"),
    "unknown": (b"what is this", "not an image, or of a kind not read here", "use one of PNG, JPEG, WEBP"),
}


@pytest.mark.parametrize("kind", STARTS)
def test_files_are_named(kind: str, tmp_path: Path) -> None:
    data, words, hint = STARTS[kind]
    (tmp_path / "it.jpg").write_bytes(data)
    with pytest.raises(ImageError, match=words) as raised:
        header(tmp_path / "it.jpg")
    assert raised.value.code == "not-an-image" and hint in str(raised.value.hint)


@pytest.mark.skipif("AVIF" not in FORMATS or not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read_where_pillow_reads_it(tmp_path: Path) -> None:
    Image.new("RGBA", (24, 16), (200, 40, 30, 0)).save(tmp_path / "it.avif")
    assert header(tmp_path / "it.avif").size.width == 24 and header(tmp_path / "it.avif").has_alpha


@pytest.mark.parametrize(
    ("data", "said"),
    [
        *[(STARTS[kind][0], f"{STARTS[kind][1]}, not a scene") for kind in ("HEIC", "video", "PDF", "SVG", "LFS")],
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG picture, not a scene"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture, not a scene"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0", "a BMP picture, not a scene"),
        (b"PK\x03\x04" + b"\0" * 99, "an archive, not a scene"),
    ],
)
def test_what_is_given_as_a_scene_is_named(contextgen, tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "it.yaml").write_bytes(data)
    told = contextgen("validate", tmp_path)
    assert told.code == 2 and f"it.yaml: error: {said}" in told.err and "`contextgen init` writes one" in told.err


def test_a_picture_given_as_a_scene_leads_to_inspect(contextgen, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "it.png")
    told = contextgen("render", tmp_path / "it.png", "--dry-run", "--device", "cpu")
    assert told.code == 2 and "a PNG picture, not a scene" in told.err and "`contextgen inspect --scene`" in told.err


@pytest.mark.parametrize("text", ["BMW: 1\n", "II*: 1\n", "[1, 2]\n", '{"a": 1}\n', "GIF: 8\n", "%PD: 1\n"])
def test_text_as_people_write_it_is_read(contextgen, tmp_path: Path, text: str) -> None:
    (tmp_path / "it.yaml").write_text(text)
    assert "not a scene" not in contextgen("validate", tmp_path).err
