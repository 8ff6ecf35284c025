"""Which way up a picture is: its EXIF orientation, wherever a program has put it."""

from __future__ import annotations

import struct

from PIL import Image

Edges = tuple[int, int, int, int]

_TAG = 0x0112
_APP1 = "Raw profile type APP1"  # where ImageMagick once put EXIF in a PNG; Pillow knows its later place
_EXIF = b"Exif\0\0"
_UNREADABLE = (SyntaxError, ValueError, TypeError, LookupError, OverflowError, OSError, struct.error)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation that is still to be applied, 1 to 8; 1: none, or none that can be read."""
    try:
        orientation = _stated(image)
    except _UNREADABLE:
        return 1
    return orientation if orientation in _TURNS else 1


def exif_problem(image: Image.Image) -> str | None:
    """What keeps the EXIF from being read, or None; the picture is then not turned."""
    try:
        _stated(image)
    except _UNREADABLE:
        return "its EXIF cannot be read"
    return None


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of a picture once it is turned."""
    width, height = image.size
    return (height, width) if is_sideways(orientation_of(image)) else (width, height)


def is_sideways(orientation: int) -> bool:
    """Whether an orientation swaps width and height."""
    return orientation >= 5


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned as its orientation says; itself where that is 1."""
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def stored_rows(size: tuple[int, int], orientation: int, top: int, bottom: int) -> Edges:
    """Where the rows `top` to `bottom` of the turned picture lie in the stored one of `size`."""
    width, height = size
    return {
        1: (0, top, width, bottom),
        2: (0, top, width, bottom),
        3: (0, height - bottom, width, height - top),
        4: (0, height - bottom, width, height - top),
        5: (top, 0, bottom, height),
        6: (top, 0, bottom, height),
        7: (width - bottom, 0, width - top, height),
        8: (width - bottom, 0, width - top, height),
    }[orientation]


def _stated(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow turns these itself, the size in the header included
    if image.format == "PNG" and "exif" not in image.info and not _raw_profile(image):
        return 1  # Pillow would decode the whole file in search of a late chunk
    exif = image.getexif()
    if not exif and _APP1 in image.info:
        data = _unpacked(image.info[_APP1])
        if data.startswith(_EXIF):  # else it is XMP
            exif = Image.Exif()
            exif.load(data)
    return int(exif.get(_TAG, 1))


def _raw_profile(image: Image.Image) -> bool:
    return "Raw profile type exif" in image.info or _APP1 in image.info


def _unpacked(profile: str) -> bytes:
    """The bytes of ImageMagick's text: a name and a length, each on a line, then hexadecimal digits."""
    return bytes.fromhex("".join(profile.split("\n")[3:]))
