"""Draws the pictures of the docs with `contextgen compose`: `python docs/drawing/figures.py`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

REPOSITORY = Path(__file__).parents[2]
IMAGES = REPOSITORY / "docs" / "images"
REFS = REPOSITORY / "scenes" / "refs"
PAPER, INK, GREY = (255, 255, 255), (40, 40, 48), (128, 128, 128)
MARGIN, CAPTION = 20, 34


def composed(scene: Path, size: str, side: int) -> Image.Image:
    """A scene's layout of such a size with boxes and names; what is not given is mid-grey, as the model sees it."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "layout.png"
        command = [sys.executable, "-m", "contextgen_cli", "compose", str(scene), "--annotate", "--size", size]
        subprocess.run([*command, "-o", str(output)], check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        layout = Image.open(output).convert("RGBA")
    layout.thumbnail((side, side), Image.Resampling.LANCZOS)
    return on(layout, GREY)


def on(picture: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    ground = Image.new("RGB", picture.size, colour)
    ground.paste(picture, mask=picture.convert("RGBA").getchannel("A"))
    return ground


def captioned(picture: Image.Image, caption: str) -> Image.Image:
    card = Image.new("RGB", (picture.width, picture.height + CAPTION), PAPER)
    card.paste(picture, (0, 0))
    place = (picture.width / 2, picture.height + CAPTION / 2)
    ImageDraw.Draw(card).text(place, caption, INK, ImageFont.load_default(17), anchor="mm")
    return card


def row(pictures: Sequence[Image.Image], margin: int = MARGIN) -> Image.Image:
    width = sum(picture.width + margin for picture in pictures) + margin
    strip = Image.new("RGB", (width, max(picture.height for picture in pictures) + 2 * margin), PAPER)
    x = margin
    for picture in pictures:
        strip.paste(picture, (x, (strip.height - picture.height) // 2))
        x += picture.width + margin
    return strip


def column(pictures: Sequence[Image.Image]) -> Image.Image:
    stack = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), PAPER)
    y = 0
    for picture in pictures:
        stack.paste(picture, ((stack.width - picture.width) // 2, y))
        y += picture.height
    return stack


def arrow() -> Image.Image:
    shape = Image.new("RGB", (60, 40), PAPER)
    ImageDraw.Draw(shape).polygon([(0, 16), (36, 16), (36, 4), (60, 20), (36, 36), (36, 24), (0, 24)], GREY)
    return shape


def overview() -> Image.Image:
    """References on the left, the layout image with its boxes on the right."""
    cards = [captioned(reference(name, 128), name) for name in ("mushroom", "lantern", "fox")]
    layout = composed(REPOSITORY / "scenes" / "overlap.yaml", "512x512", 486)
    return row([column(cards), arrow(), layout])


def reference(name: str, side: int) -> Image.Image:
    return on(Image.open(REFS / f"{name}.png").resize((side, side), Image.Resampling.LANCZOS), PAPER)


def fits() -> Image.Image:
    """One reference in one box, three times."""
    return row([captioned(composed_with(fit), f"fit: {fit}") for fit in ("area", "stretch", "image")])


def composed_with(fit: str) -> Image.Image:
    scene = {
        "version": 1,
        "prompt": "A lantern.",
        "canvas": {"width": 512, "height": 384},
        "references": {"lantern": {"image": str(REFS / "lantern.png")}},
        "instances": [{"reference": "lantern", "fit": fit, "box": {"x": 96, "y": 96, "width": 320, "height": 192}}],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.json"
        path.write_text(json.dumps(scene), encoding="utf-8")
        return composed(path, "512x384", 320)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for picture in (overview, fits):
        picture().save(IMAGES / f"{picture.__name__}.jpg", quality=90)


if __name__ == "__main__":
    main()
