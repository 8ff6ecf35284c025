"""Makes the objects of the synthetic scenes: `python docs/drawing/objects.py NotoColorEmoji.ttf LICENSE [ZIP]`.

The same bytes on every run with the same font, Pillow and Unicode tables. The font is Noto Color Emoji 2.042 as
Debian ships it (`fonts-noto-color-emoji`); LICENSE is the text of the SIL Open Font License that comes with it.
"""

from __future__ import annotations

import io
import sys
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

OBJECTS = Path(__file__).parents[2] / "model" / "contextgen" / "data" / "objects.zip"
SIZE = 109  # the only size at which the font holds its pictures
CODEPOINTS = (range(0xA9, 0x3400), range(0x1F000, 0x1FB00))
PARTS = ("regional indicator", "emoji modifier", "emoji component", "combining")  # of other emoji, not objects
OLDEST = (1980, 1, 1, 0, 0, 0)  # a date for every entry: the earliest that a zip can state


def pictures(font: Path) -> Iterator[tuple[str, Image.Image]]:
    """Name and picture of every emoji that is one character, cropped to what is drawn; a picture drawn twice once."""
    drawn = ImageFont.truetype(str(font), SIZE, layout_engine=ImageFont.Layout.BASIC)
    seen = set()
    for codepoint in (code for block in CODEPOINTS for code in block):
        name = unicodedata.name(chr(codepoint), "").lower()
        if not name or name.startswith(PARTS):
            continue
        frame = Image.new("RGBA", (160, 160))
        ImageDraw.Draw(frame).text((10, 10), chr(codepoint), font=drawn, embedded_color=True)
        if (box := frame.getbbox()) and frame.tobytes() not in seen:
            seen.add(frame.tobytes())
            yield name, frame.crop(box)


def main(font: Path, licence: Path, path: Path = OBJECTS) -> None:
    """Write the zip: one lossless WebP for every object, named as it is, and the licence."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("LICENSE.txt", OLDEST), licence.read_bytes())
        for name, picture in pictures(font):
            data = io.BytesIO()
            picture.save(data, "WEBP", lossless=True, quality=100, method=6)
            archive.writestr(zipfile.ZipInfo(f"{name}.webp", OLDEST), data.getvalue())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
