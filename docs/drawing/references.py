"""Draws the example references: `python docs/drawing/references.py [FOLDER]`. The same bytes on every run."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
from clay import Clay, blob, both, ellipse, polygon, rope, slab, within
from PIL import Image, ImageDraw

SCENES = Path(__file__).parents[2] / "scenes"


def eyes(clay: Clay, x: float, y: float, size: float) -> None:
    """A pair of glossy black eyes, mirrored about the middle."""
    clay.add(both(ellipse(x, y, size, size * 1.1)), (30, 24, 34), soft=size / 2, gloss=0.5)
    clay.add(
        both(ellipse(x - size * 0.16, y - size * 0.2, size * 0.3, size * 0.3)),
        (255, 255, 255),
        soft=1,
        gloss=0,
    )


def crab(clay: Clay) -> None:
    red, orange = (226, 74, 46), (244, 128, 78)
    for x, y, knee in ((26, 70, 12), (28, 77, 15), (33, 83, 22)):
        clay.add(both(rope([(x + 6, y - 4), (knee, y - 2), (knee - 4, y + 10)], 6, 2)), red, soft=4)
    clay.add(both(rope([(30, 58), (14, 54), (15, 38)], 7, 8)), red, soft=6)
    claw = blob([(8, 34), (6, 22), (13, 10), (20, 9), (18, 19), (21, 22), (27, 13), (31, 20), (28, 32), (19, 39)])
    clay.add(both(claw), red, soft=9)
    clay.add(both(rope([(42, 52), (41, 40)], 4)), red, soft=4)
    clay.add(blob([(18, 62), (27, 50), (50, 45), (73, 50), (82, 62), (72, 80), (50, 86), (28, 80)]), red, soft=22)
    for x, y, size in (
        (36, 54, 5),
        (64, 55, 4),
        (50, 51, 5.5),
        (43, 59, 3),
        (58, 60, 3.4),
        (70, 62, 3),
        (29, 61, 3),
    ):
        clay.tint(ellipse(x, y, size, size * 0.8), orange, 0.75)
    clay.add(both(ellipse(41, 37, 12, 12)), (255, 250, 242), soft=9)
    eyes(clay, 42, 38, 6)
    clay.tint(rope([(43, 70), (50, 75), (57, 70)], 1.8), (92, 22, 20))
    clay.tint(both(ellipse(35, 69, 8, 5)), (255, 150, 120), 0.6)


def handbag(clay: Clay) -> None:
    leather, dark, brass = (156, 88, 46), (112, 60, 32), (236, 190, 84)
    clay.add(rope([(30, 44), (32, 8), (68, 8), (70, 44)], 5), dark, soft=5)
    body = blob([(16, 46), (30, 38), (50, 37), (70, 38), (84, 46), (89, 72), (84, 90), (50, 93), (16, 90), (11, 72)])
    clay.add(body, leather, soft=14)
    flap = blob([(15, 45), (30, 37), (50, 36), (70, 37), (85, 45), (83, 58), (68, 67), (50, 70), (32, 67), (17, 58)])
    clay.add(flap, (176, 102, 54), soft=8)
    for step in range(25):
        angle = math.pi * (0.04 + 0.92 * step / 24)
        clay.tint(ellipse(50 + 30 * math.cos(angle), 48 + 17.5 * math.sin(angle), 1.5, 1), (240, 204, 150), 0.9)
    clay.add(both(slab(26, 37, 34, 47, 2)), dark, soft=4)
    clay.add(both(ellipse(30, 41, 6, 6)), brass, soft=4, gloss=0.6)
    clay.add(slab(44, 62, 56, 77, 3), brass, soft=5, gloss=0.6)
    clay.add(slab(48, 67, 52, 73, 2), (120, 78, 30), soft=2)


def teapot(clay: Clay) -> None:
    glaze, cream, gold = (64, 142, 170), (250, 242, 226), (232, 184, 88)
    clay.add(rope([(70, 46), (92, 38), (94, 62), (70, 70)], 6), glaze, soft=6, gloss=0.6)
    clay.add(rope([(30, 68), (14, 64), (14, 46), (5, 36)], 15, 6), glaze, soft=8, gloss=0.6)
    clay.add(ellipse(50, 90, 34, 8), gold, soft=4)
    body = ellipse(50, 62, 56, 54)
    clay.add(body, glaze, soft=26, gloss=0.7)
    clay.tint(within(slab(10, 58, 90, 72, 0), body), cream, 0.95)
    for x in range(14, 92, 9):
        clay.tint(within(ellipse(x, 65, 4.4, 6.5, 25), body), (222, 92, 84), 0.9)
        clay.tint(within(ellipse(x + 4.5, 65, 2.4, 2.4), body), (70, 140, 110), 0.9)
    clay.add(ellipse(50, 39, 36, 9), gold, soft=4, gloss=0.6)
    clay.add(blob([(34, 38), (38, 29), (50, 25), (62, 29), (66, 38), (50, 41)]), glaze, soft=10, gloss=0.7)
    clay.add(ellipse(50, 22, 9, 9), gold, soft=7, gloss=0.7)


def lantern(clay: Clay) -> None:
    iron, glow = (66, 72, 92), (255, 206, 98)
    clay.add(rope([(32, 31), (36, 8), (64, 8), (68, 31)], 3.4), iron, soft=4, gloss=0.5)
    glass = blob([(34, 38), (66, 38), (71, 58), (66, 80), (34, 80), (29, 58)])
    clay.add(glass, (255, 176, 72), soft=18, gloss=0.5)
    for size, strength in ((30, 0.35), (22, 0.4), (15, 0.5)):
        clay.tint(ellipse(50, 62, size, size * 1.3), glow, strength)
    clay.tint(blob([(50, 46), (55, 57), (57, 66), (50, 72), (43, 66), (45, 57)]), (255, 240, 170))
    clay.tint(blob([(50, 57), (53, 65), (50, 70), (47, 65)]), (255, 255, 246))
    clay.add(both(rope([(35, 36), (29.5, 58), (35, 82)], 3)), iron, soft=3, gloss=0.5)
    clay.add(slab(28, 78, 72, 86, 3), iron, soft=5, gloss=0.5)
    clay.add(slab(23, 85, 77, 95, 4), (52, 57, 74), soft=6, gloss=0.5)
    clay.add(blob([(26, 39), (32, 29), (50, 21), (68, 29), (74, 39), (50, 42)]), iron, soft=9, gloss=0.5)
    clay.add(ellipse(50, 21, 10, 7), (232, 184, 88), soft=5, gloss=0.6)


def fox(clay: Clay) -> None:
    fur, cream, dark = (236, 126, 48), (255, 244, 226), (74, 44, 40)
    tail = blob([(62, 90), (80, 84), (84, 66), (78, 50), (88, 44), (97, 60), (97, 80), (86, 94), (70, 97)])
    clay.add(tail, fur, soft=14, gloss=0.12)
    clay.tint(within(blob([(74, 58), (80, 54), (88, 58), (99, 52), (96, 38), (76, 38)]), tail), cream)
    body = blob([(36, 58), (50, 54), (64, 58), (72, 80), (66, 95), (50, 97), (34, 95), (28, 80)])
    clay.add(body, fur, soft=18, gloss=0.12)
    clay.tint(within(ellipse(50, 75, 22, 34), body), cream)
    clay.add(both(ellipse(40, 94, 16, 9)), dark, soft=7, gloss=0.15)
    clay.add(both(rope([(38, 68), (41, 84)], 8, 7)), fur, soft=7, gloss=0.12)
    ear = blob([(20, 34), (15, 8), (21, 4), (36, 15), (42, 27)])
    clay.add(both(ear), fur, soft=7, gloss=0.12)
    clay.tint(both(blob([(23, 26), (20, 13), (23, 10), (32, 18)])), dark, 0.9)
    face = blob([(14, 46), (22, 27), (50, 19), (78, 27), (86, 46), (68, 60), (50, 67), (32, 60)])
    clay.add(face, fur, soft=20, gloss=0.12)
    cheek = blob([(11, 47), (24, 41), (38, 44), (50, 56), (50, 70), (30, 62)])
    clay.tint(within(both(cheek), face), cream)
    clay.add(ellipse(50, 58, 9, 7), dark, soft=5, gloss=0.6)
    eyes(clay, 36, 45, 7)


def cactus(clay: Clay) -> None:
    green, spine, pot = (84, 158, 92), (238, 246, 206), (206, 106, 70)
    clay.add(rope([(50, 54), (24, 56), (24, 32)], 11), green, soft=11, gloss=0.15)
    clay.add(rope([(50, 62), (76, 60), (77, 42)], 10), green, soft=10, gloss=0.15)
    trunk = rope([(50, 80), (50, 22)], 27)
    clay.add(trunk, green, soft=22, gloss=0.15)
    for x in (42, 50, 58):
        clay.tint(within(rope([(50 + (x - 50) * 1.15, 78), (x, 22)], 0.9), trunk), (48, 112, 66), 0.8)
    for row in range(6):
        for x in (38.5, 46, 54, 61.5):
            clay.tint(within(ellipse(x, 24 + row * 8 + (x > 50) * 3, 1.5, 2.6, 20), trunk), spine, 0.9)
    for x, y in ((24, 34), (22, 43), (27, 49), (77, 45), (74, 53)):
        clay.tint(ellipse(x, y, 1.5, 2.6, 20), spine, 0.9)
    for turn in range(0, 360, 60):
        x, y = 50 + 6 * math.cos(math.radians(turn)), 9.5 + 4.6 * math.sin(math.radians(turn))
        clay.add(ellipse(x, y, 7.5, 5.5, turn), (246, 120, 158), soft=4)
    clay.add(ellipse(50, 9.5, 6, 5), (255, 214, 96), soft=4)
    clay.add(polygon([(29, 74), (71, 74), (65, 96), (35, 96)]), pot, soft=12, gloss=0.1)
    clay.add(slab(25, 70, 75, 79, 3), (220, 122, 82), soft=6, gloss=0.15)


def sailboat(clay: Clay) -> None:
    wood, sail, red = (178, 112, 62), (255, 246, 228), (214, 66, 62)
    clay.add(rope([(51, 78), (51, 5)], 3.4, 2.6), (140, 86, 48), soft=3)
    clay.add(polygon([(51, 4), (66, 8), (51, 13)]), red, soft=3)
    main = blob([(55, 15), (66, 30), (78, 48), (87, 67), (70, 69), (55, 68), (54, 40)])
    clay.add(main, sail, soft=9, gloss=0.1)
    clay.tint(within(polygon([(50, 44), (100, 40), (100, 49), (50, 54)]), main), red, 0.95)
    jib = blob([(47, 22), (48, 45), (47, 67), (30, 68), (14, 67), (28, 50), (39, 35)])
    clay.add(jib, sail, soft=8, gloss=0.1)
    hull = blob([(6, 73), (28, 76), (50, 77), (74, 76), (95, 72), (86, 88), (68, 95), (34, 95), (16, 88)])
    clay.add(hull, wood, soft=14, gloss=0.35)
    clay.tint(within(rope([(2, 79), (50, 83), (98, 78)], 3), hull), (255, 240, 214), 0.9)
    clay.tint(within(polygon([(0, 88), (100, 88), (100, 100), (0, 100)]), hull), red, 0.9)
    for x in (34, 50, 66):
        clay.add(ellipse(x, 87, 5, 5), (232, 184, 88), soft=3, gloss=0.5)


def mushroom(clay: Clay) -> None:
    cap, cream = (212, 52, 60), (255, 244, 226)
    stalk = blob([(38, 52), (62, 52), (64, 74), (70, 90), (50, 96), (30, 90), (36, 74)])
    clay.add(stalk, cream, soft=16, gloss=0.1)
    clay.add(ellipse(50, 55, 60, 12), (236, 206, 176), soft=8, gloss=0.1)
    dome = ((5, 50), (12, 28), (30, 11), (50, 6), (70, 11), (88, 28), (95, 50), (74, 58), (50, 60), (26, 58))
    top = blob(dome)
    clay.add(top, cap, soft=30, gloss=0.45)
    clay.add(both(within(ellipse(27, 33, 13, 13), top)), cream, soft=4, gloss=0.15)
    clay.add(both(within(ellipse(14, 47, 7, 8), top)), cream, soft=4, gloss=0.15)
    clay.add(ellipse(50, 20, 17, 12), cream, soft=4, gloss=0.15)
    clay.add(ellipse(50, 43, 15, 13), cream, soft=4, gloss=0.15)
    eyes(clay, 42, 74, 5)
    clay.tint(rope([(46, 80), (50, 82.5), (54, 80)], 1.4), (110, 60, 50))
    clay.tint(both(ellipse(37, 80, 5, 3)), (250, 150, 140), 0.7)


SUBJECTS = (crab, handbag, teapot, lantern, fox, cactus, sailboat, mushroom)


def photographed(cutout: Path) -> None:
    """Turn a cut-out into what a camera gives: an opaque JPEG, and a mask file beside it."""
    subject = Image.open(cutout)
    photograph = Image.new("RGB", subject.size, (214, 204, 190))
    table = ImageDraw.Draw(photograph)
    table.rectangle((0, subject.height * 0.72, *subject.size), fill=(176, 140, 104))
    table.ellipse((60, 318, 320, 348), fill=(150, 116, 84))
    photograph.paste(subject, mask=subject.getchannel("A"))
    photograph.save(cutout.with_suffix(".jpg"), quality=90)
    subject.getchannel("A").save(cutout.with_name(f"{cutout.stem}_mask.png"), optimize=True)
    cutout.unlink()


def boarded(refs: Path, layout: Path) -> None:
    """A layout that no boxes can give: the fox leans out of the boat, behind its side."""
    boat, fox = (Image.open(refs / f"{name}.png") for name in ("sailboat", "fox"))
    canvas = Image.new("RGBA", (768, 512))
    boat = boat.resize((344, 344), Image.Resampling.LANCZOS)
    fox = fox.resize((147, 147), Image.Resampling.LANCZOS).rotate(14, Image.Resampling.BICUBIC, expand=True)
    canvas.alpha_composite(boat, (208, 112))
    canvas.alpha_composite(fox, (193, 226))
    hull = boat.crop((0, 245, 344, 344))
    canvas.alpha_composite(hull, (208, 357))
    layout.parent.mkdir(exist_ok=True)
    canvas.save(layout, quality=92, method=6)


def annotated(refs: Path, folder: Path) -> None:
    """A picture of two subjects with its annotations in COCO's format, as a data set would have it."""
    picture = Image.new("RGB", (384, 256), (222, 226, 230))
    ImageDraw.Draw(picture).rectangle((0, 196, 384, 256), fill=(188, 176, 160))
    annotations = []
    for number, (name, side, corner) in enumerate((("mushroom", 136, (36, 76)), ("lantern", 148, (204, 64))), start=1):
        subject = Image.open(refs / f"{name}.png").resize((side, side), Image.Resampling.LANCZOS)
        picture.paste(subject, corner, subject)
        left, top, right, bottom = subject.getchannel("A").point(lambda alpha: 255 * (alpha > 127)).getbbox()
        annotations.append(
            {
                "id": number,
                "image_id": 1,
                "category_id": number,
                "bbox": [left + corner[0], top + corner[1], right - left, bottom - top],
                "segmentation": [outline(subject, corner)],
            }
        )
    annotations.append({"id": 3, "image_id": 1, "caption": "A mushroom and a lantern in front of a red brick wall."})
    content = {
        "images": [{"id": 1, "file_name": "shelf.jpg", "width": 384, "height": 256}],
        "categories": [{"id": 1, "name": "mushroom"}, {"id": 2, "name": "lantern"}],
        "annotations": annotations,
    }
    folder.mkdir(exist_ok=True)
    picture.save(folder / "shelf.jpg", quality=92)
    (folder / "annotations.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def outline(subject: Image.Image, corner: tuple[int, int]) -> list[int]:
    """The subject's border as x, y, x, y …: down its left side and up its right, every third row."""
    opaque = np.asarray(subject.getchannel("A")) > 127
    rows = [(y, np.flatnonzero(opaque[y])) for y in range(0, len(opaque), 3) if opaque[y].any()]
    down = [(xs[0], y) for y, xs in rows]
    up = [(xs[-1], y) for y, xs in reversed(rows)]
    return [int(value) for x, y in down + up for value in (x + corner[0], y + corner[1])]


def main(scenes: Path) -> None:
    refs = scenes / "refs"
    refs.mkdir(parents=True, exist_ok=True)
    for subject in SUBJECTS:
        clay = Clay()
        subject(clay)
        clay.save(refs / f"{subject.__name__}.png")
    photographed(refs / "teapot.png")
    boarded(refs, scenes / "layouts" / "harbour.webp")
    annotated(refs, scenes / "import")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SCENES)
