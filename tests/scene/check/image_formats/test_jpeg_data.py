"""A JPEG whose data ends before the picture that it states is truncated, whatever its last bytes are."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextgen_cli.scene.check.image_files import ImageError, decoded

HOW = {
    "plain": {},
    "progressive": {"progressive": True},
    "with tables of its own": {"optimize": True},
    "with all of its colour": {"subsampling": 0},
    "restarting each row": {"restart_marker_rows": 1},
    "restarting oddly": {"restart_marker_blocks": 7},
}


def busy() -> Image.Image:
    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((160, 123), Image.Resampling.BICUBIC)


def bright_below() -> Image.Image:
    image = busy()
    image.paste((255, 255, 255), (0, 60, 160, 123))
    return image


PICTURES = {
    "busy": busy,
    "bright below": bright_below,
    "white": lambda: Image.new("RGB", (160, 123), "white"),
    "grey": lambda: bright_below().convert("L"),
    "ink": lambda: bright_below().convert("CMYK"),
}


def saved(picture: str, how: str) -> bytes:
    data = io.BytesIO()
    PICTURES[picture]().save(data, "JPEG", **HOW[how])
    return data.getvalue()


def stating(data: bytes, width: int, height: int) -> bytes:
    """The file with another size in its header."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def read(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    with decoded(path) as image:
        return image.tobytes()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("picture", PICTURES)
def test_what_is_missing_is_noticed_and_what_is_whole_is_read(picture: str, how: str, tmp_path: Path) -> None:
    data = saved(picture, how)
    read(tmp_path / "whole.jpg", data)
    for index, (width, height) in enumerate([(160, 139), (160, 7999), (7999, 7999)]):
        with pytest.raises(ImageError, match=f"truncated .its data ends before the {width}x{height} px") as raised:
            read(tmp_path / f"{index}.jpg", stating(data, width, height))
        assert raised.value.code == "damaged-image"


@pytest.mark.parametrize("how", [how for how in HOW if how != "progressive"])
def test_a_file_that_was_cut_and_closed_again_is_noticed(how: str, tmp_path: Path) -> None:
    data = saved("busy", how)
    with pytest.raises(ImageError, match="truncated"):
        read(tmp_path / "cut.jpg", data[: len(data) * 2 // 3] + b"\xff\xd9")
    with pytest.raises(ImageError, match="damaged"):
        read(tmp_path / "open.jpg", data[: len(data) * 2 // 3])


def test_a_phone_s_picture_that_was_cut_before_its_gain_map_is_noticed(tmp_path: Path) -> None:
    data = io.BytesIO()
    busy().save(data, "MPO", save_all=True, append_images=[Image.new("L", (40, 30))])
    whole = data.getvalue()
    read(tmp_path / "whole.jpg", whole)
    end = whole.index(b"\xff\xd9")
    cut = whole[: end * 2 // 3] + whole[end:]
    with Image.open(io.BytesIO(cut)) as image:
        assert image.format == "MPO"
    with pytest.raises(ImageError, match="truncated"):
        read(tmp_path / "cut.jpg", cut)


def test_what_follows_the_picture_is_of_no_account(tmp_path: Path) -> None:
    whole = saved("white", "plain")
    assert read(tmp_path / "more.jpg", whole + b"\0" * 999) == read(tmp_path / "it.jpg", whole)
