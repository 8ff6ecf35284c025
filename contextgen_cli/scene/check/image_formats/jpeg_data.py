"""Whether a JPEG has data for all of the picture that it states: libjpeg fills what is missing, and says nothing."""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image

_BLOCK = 8  # pixels
_FLAT = 1  # levels between the pixels of a filled block
_NOISE = bytes(range(254, 0, -1)) * 2  # no 0xFF in it, which would begin a marker; leading ones are large steps
_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker that is no restart
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


def is_incomplete(path: Path, image: Image.Image) -> bool:
    """Whether the data of a JPEG file ends before its picture does.

    Only a picture whose last block is flat, as filled ones are, is decoded again.

    Args:
        image: the picture, decoded.
    """
    left, top = ((side - 1) // _BLOCK * _BLOCK for side in image.size)
    last = image.crop((left, top, image.width, image.height))
    if any(_range(band) > _FLAT for band in last.split()):
        return False
    data = path.read_bytes()
    return _small(data) != _small(_with_noise(data))


def _range(band: Image.Image) -> int:
    least, most = band.getextrema()
    return int(most) - int(least)  # type: ignore[arg-type]


def _with_noise(data: bytes) -> bytes:
    """The file with more data behind its first scan: it is of no account, unless some was missing."""
    start = _first_scan(data)
    end = _END.search(data, start)
    if end is None:
        return data
    restart = bytes((0xFF, 0xD0 + len(_RESTART.findall(data, start, end.start())) % 8))
    return data[: end.start()] + _NOISE + restart + _NOISE + data[end.start() :]


def _first_scan(data: bytes) -> int:
    """Where the entropy-coded data begins."""
    at = 2
    while data[at : at + 2] != b"\xff\xda" and at < len(data):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big") if data[at] == 0xFF and data[at + 1] != 0xFF else 1
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _small(data: bytes) -> bytes:
    """The picture at an eighth of its size, which takes all of its data."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        image.draft(image.mode, (1, 1))
        pixels: bytes = image.tobytes()
        return pixels
