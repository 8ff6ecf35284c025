"""Paints the gallery of scenes/README.md with the embedded model: `python docs/drawing/gallery.py [FIGURES]`.

FIGURES is the folder that `contextgen bench synthetic -o FIGURES` wrote: its sheet becomes the one of held-out scenes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

REPOSITORY = Path(__file__).parents[2]
PICTURES = REPOSITORY / "docs" / "pictures"
PAPER, INK = (255, 255, 255), (40, 40, 48)
HEIGHT, MARGIN, CAPTION, WIDEST = 224, 14, 26, 1180  # pixels
COLOURS = 256  # a sheet of drawings loses nothing to the eye, and is a third of the size


def commanded(*arguments: object) -> list[Path]:
    """Run contextgen, and return the paths that it tells."""
    command = [sys.executable, "-m", "contextgen_cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    return [Path(line) for line in done.stdout.splitlines()]


def painted(folder: Path) -> list[Path]:
    """Every example scene, the imported one too."""
    commanded("import", "scenes/import/annotations.json", "-o", folder / "imported")
    return commanded("render", "scenes", folder / "imported", "-o", folder / "pictures")


def card(path: Path) -> Image.Image:
    """A picture with its name below."""
    with Image.open(path) as picture:
        width = max(1, round(picture.width * HEIGHT / picture.height))
        shown = picture.convert("RGB").resize((width, HEIGHT), Image.Resampling.LANCZOS)
    framed = Image.new("RGB", (width, HEIGHT + CAPTION), PAPER)
    framed.paste(shown)
    place = (width / 2, HEIGHT + CAPTION / 2)
    ImageDraw.Draw(framed).text(place, path.stem, INK, ImageFont.load_default(14), anchor="mm")
    return framed


def sheet(cards: list[Image.Image]) -> Image.Image:
    """Rows of cards, each as full as it gets, from left to right."""
    rows: list[list[Image.Image]] = [[]]
    for each in cards:
        if sum(other.width + MARGIN for other in rows[-1]) + each.width > WIDEST:
            rows.append([])
        rows[-1].append(each)
    page = Image.new("RGB", (WIDEST, len(rows) * (HEIGHT + CAPTION + MARGIN)), PAPER)
    for number, row in enumerate(rows):
        gap = (WIDEST - sum(each.width for each in row)) / (len(row) + 1)
        x = gap
        for each in row:
            page.paste(each, (round(x), number * (HEIGHT + CAPTION + MARGIN)))
            x += each.width + gap
    return page


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture of few colours, small."""
    path.parent.mkdir(exist_ok=True)
    picture.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT).save(path, optimize=True)


def main(figures: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:  # a folder of its own: beside older pictures, names would differ
        save(sheet([card(path) for path in painted(Path(folder))]), PICTURES / "gallery.png")
    if figures is not None:
        with Image.open(figures / "sheet.png") as held_out:
            save(held_out, PICTURES / "held-out.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
