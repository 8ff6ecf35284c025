"""Colour profiles for tests, made of the sRGB that Pillow brings."""

from __future__ import annotations

import struct

from PIL import ImageCms

RED, GREEN, BLUE = b"rXYZ", b"gXYZ", b"bXYZ"
DISPLAY_P3 = {RED: (0.51512, 0.2412, -0.00105), GREEN: (0.29198, 0.69225, 0.04189), BLUE: (0.1571, 0.06657, 0.78407)}
ADOBE_RGB = {RED: (0.60974, 0.31111, 0.01947), GREEN: (0.20528, 0.62567, 0.06087), BLUE: (0.14919, 0.06322, 0.74457)}


def srgb() -> bytes:
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def with_primaries(primaries: dict[bytes, tuple[float, float, float]]) -> bytes:
    """sRGB's curve with other colours for red, green and blue, each XYZ under D50."""
    data = bytearray(srgb())
    for tag, colour in primaries.items():
        at = _entry(data, tag)
        offset = int.from_bytes(data[at + 4 : at + 8], "big")
        data[offset + 8 : offset + 20] = struct.pack(">3i", *(round(value * 65536) for value in colour))
    return bytes(data)


def swapped() -> bytes:
    """A profile whose red is green, and whose green is red."""
    data = bytearray(srgb())
    red, green = _entry(data, RED), _entry(data, GREEN)
    data[red : red + 4], data[green : green + 4] = GREEN, RED
    return bytes(data)


def grey(gamma: float) -> bytes:
    """A profile of grey pixels: a white point and a curve."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1, 0.8249)))
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = struct.pack(">I", 2)
    tags += struct.pack(">4sII", b"wtpt", 156, len(white)) + struct.pack(">4sII", b"kTRC", 156 + len(white), len(curve))
    head = bytearray(srgb()[:128])
    head[16:20] = b"GRAY"
    head[:4] = struct.pack(">I", 156 + len(white) + len(curve))
    return bytes(head) + tags + white + curve


def _entry(data: bytearray, tag: bytes) -> int:
    """Where the tag's entry stands: its name, offset and length."""
    count = int.from_bytes(data[128:132], "big")
    return next(at for at in range(132, 132 + 12 * count, 12) if data[at : at + 4] == tag)
