"""Names a file by how it begins: what it is where an image or a scene was wanted, and what to do about it."""

from __future__ import annotations

import re
from pathlib import Path

_START = 512  # bytes
_TEXT = "text, not an image"
_CONVERT = "convert it to PNG or JPEG, for example `magick {name} {stem}.png`"
_PHONE = f"{_CONVERT}; an iPhone saves JPEG with Settings > Camera > Formats > Most Compatible"
_FETCH = "download the picture itself: open the address in a browser and see what it shows"

# How a file begins -> what it is, and what to do.
_KINDS = (
    (rb".{4}ftyp(hei[cxmsv]|hev[cxms]|mif1|msf1)", "a HEIC picture, as phones take them", _PHONE),
    (rb".{4}ftypavi[fs]", "an AVIF picture, which this Pillow was built without", f"{_CONVERT}, or update Pillow"),
    (rb".{4}ftyp", "a video", "save a frame of it as PNG"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture", _CONVERT),
    (rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ", "a JPEG 2000 picture", _CONVERT),
    (rb"8BPS", "a Photoshop document", "export it as PNG"),
    (rb"gimp xcf", "a GIMP document", "export it as PNG"),
    (rb"v/1\x01", "an OpenEXR picture", _CONVERT),
    (rb"%PDF", "a PDF document", "export the picture as PNG"),
    (rb"PK\x03\x04", "an archive, or a document that is one", "unpack it, or export it as PNG"),
    (rb"version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch it with `git lfs pull`"),
    (rb"\s*(<\?xml.*)?(<!--.*-->\s*)?(<!DOCTYPE svg.*)?<svg", "an SVG drawing", "export it as PNG, large enough"),
    (rb"\s*(<!doctype html|<html)", "a web page, not an image", _FETCH),
    (rb"\s*[{\[]\s*[\"{]", _TEXT, _FETCH),
)
_READ = (  # how the pictures begin that are read
    (rb"\x89PNG\r\n", "a PNG picture"),
    (rb"\xff\xd8\xff", "a JPEG picture"),
    (rb"RIFF.{4}WEBP", "a WebP picture"),
    (rb"GIF8[79]a", "a GIF picture"),
    (rb"BM.{4}\0\0\0\0", "a BMP picture"),
    (rb"II\*\0|MM\0\*", "a TIFF picture"),
)


def named(path: Path) -> tuple[str, str] | None:
    """What a file is that Pillow does not read, and what to do; None where that is not known."""
    with path.open("rb") as file:
        start = file.read(_START)
    found = _foreign(start)
    return found and (found[0], found[1].format(name=path.name, stem=path.stem))


def kind_of(data: bytes) -> str | None:
    """What a file is that begins with `data`, in two or three words; None where it is none of the kinds known here, or
    may be text as people write it."""
    for pattern, what in _READ:
        if re.match(pattern, data[:_START], re.DOTALL):
            return what
    found = _foreign(data[:_START])
    return None if found is None or found[0] == _TEXT else found[0].partition(",")[0]


def _foreign(start: bytes) -> tuple[str, str] | None:
    start = start.removeprefix(b"\xef\xbb\xbf")
    kinds = ((what, hint) for pattern, what, hint in _KINDS if re.match(pattern, start, re.DOTALL | re.IGNORECASE))
    return next(kinds, None)
