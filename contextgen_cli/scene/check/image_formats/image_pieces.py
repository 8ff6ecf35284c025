"""What an image file is made of, before it is decoded: a million empty pieces would keep Pillow busy for minutes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MOST = 20_000  # pieces beside those of the first picture
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG, _GIF = b"\xff\xd8", b"GIF8"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_EXIF_IN_PNG = (b"eXIf", b"Raw profile type exif", b"Raw profile type APP1")
_KEYWORD = 24  # bytes of a text chunk that tell which it is
_START_OF_SCAN = 0xDA
_WITH_LENGTH = (*range(0xC0, 0xD0), *range(0xDB, 0xFF))
_EXTENSION, _IMAGE = b"\x21", b"\x2c"


class PngChunk(NamedTuple):
    """A chunk as its header tells it.

    Attributes:
        length: bytes of its content, as stated.
        start: of a text chunk the first bytes of its content, which are its keyword; else nothing.
    """

    kind: bytes
    length: int
    start: bytes


def png_chunks(file: BinaryIO) -> Iterator[PngChunk]:
    """The chunks of a PNG from where `file` is, behind the signature; their contents are passed over."""
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        start = file.read(min(_KEYWORD, length)) if kind in _TEXTS else b""
        yield PngChunk(kind, length, start)
        file.seek(length - len(start) + 4, 1)


def too_many(path: Path) -> bool:
    """Whether the file has more pieces than any program writes."""
    with path.open("rb") as file:
        pieces = _pieces(file)
        return any(count > MOST for count, _ in enumerate(pieces, 1))


def has_late_exif(path: Path) -> bool:
    """Whether a PNG has its EXIF behind its pixels, where Pillow finds it only by decoding."""
    with path.open("rb") as file:
        if file.read(8) != PNG_SIGNATURE:
            return False
        are_past = False
        for chunk in png_chunks(file):
            are_past = are_past or chunk.kind == b"IDAT"
            if are_past and (chunk.start or chunk.kind).startswith(_EXIF_IN_PNG):
                return True
    return False


def _pieces(file: BinaryIO) -> Iterator[object]:
    start = file.read(8)
    if start == PNG_SIGNATURE:
        return (chunk for chunk in png_chunks(file) if chunk.kind != b"IDAT")
    if start.startswith(_JPEG):
        file.seek(2)
        return _jpeg(file)
    if start.startswith(_GIF):
        return _gif(file)
    return iter(())


def _jpeg(file: BinaryIO) -> Iterator[int]:
    """The markers before the first scan, and each byte that is none: Pillow looks at them one by one too."""
    while byte := file.read(1):
        while byte == b"\xff":
            byte = file.read(1)
        marker = byte[0] if byte else _START_OF_SCAN
        if marker == _START_OF_SCAN:
            return
        yield marker
        if marker in _WITH_LENGTH:
            length = int.from_bytes(file.read(2), "big")
            file.seek(max(0, length - 2), 1)


def _gif(file: BinaryIO) -> Iterator[bytes]:
    """The blocks before the second picture."""
    file.seek(10)
    _skip_palette(file)
    file.seek(2, 1)
    pictures = 0
    while pictures < 2 and (kind := file.read(1)) not in (b"", b";"):
        yield kind
        if kind == _IMAGE:
            pictures += 1
            file.seek(8, 1)
            _skip_palette(file)
        if kind in (_IMAGE, _EXTENSION):
            file.seek(1, 1)
            _skip_blocks(file)


def _skip_palette(file: BinaryIO) -> None:
    """Past the flags that tell of a palette, and past it."""
    flags = file.read(1)
    if flags and flags[0] & 0x80:
        file.seek(3 << ((flags[0] & 7) + 1), 1)


def _skip_blocks(file: BinaryIO) -> None:
    while (length := file.read(1)) not in (b"", b"\0"):
        file.seek(length[0], 1)
