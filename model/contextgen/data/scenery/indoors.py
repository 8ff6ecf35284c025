"""Backgrounds of one surface or a room: wood, brick, marble, tiles, window, carpet, kitchen, curtain, books."""

from __future__ import annotations

import numpy as np

from contextgen.data.scenery.brushes import (
    Array,
    Colour,
    Generator,
    Pen,
    below,
    clamped,
    drawn,
    ellipse,
    glow,
    gradient,
    lay,
    mixed,
    noise,
    profile,
    scattered,
    shade,
    shares,
)

Colours = tuple[Colour, ...]


def wooden_table(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Planks seen from above, with soft grain."""
    light, wood, gap = colours
    picture = gradient(height, width, light, wood)
    planks = 5
    rows = shares(height) * planks + np.float32(rng.random())
    tones = rng.uniform(0.9, 1.08, planks + 2).astype(np.float32)
    shade(picture, tones[rows.astype(int)][:, None])
    shade(picture, 0.9 + 0.2 * noise(rng, height, width, 40, 4))
    near = np.minimum(rows % 1, 1 - rows % 1) * height / planks  # pixels to the next gap
    lay(picture, gap, (0.8 * clamped(2.2 - near))[:, None])
    lay(picture, (255, 255, 255), 0.12 * glow(height, width, rng.uniform(0.2, 0.8), 0.2, 0.6))
    return picture


def brick_wall(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Courses of bricks in a running bond."""
    brick, other, joint, low = colours
    picture = gradient(height, width, joint, low)
    courses, shift, tones = 9, float(rng.random()), rng.integers(60, 256, (10, 8)).tolist()

    def bricks(tone: bool) -> Array:
        def draw(pen: Pen, wide: float, high: float) -> None:
            row = high / courses
            long = row * 2.1
            for course in range(courses + 1):
                for index in range(int(wide / long) + 3):
                    x, y = (index - 1 + course % 2 / 2 - shift / 2) * long, (course - shift / 2) * row
                    pen.rectangle((x + 4, y + 4, x + long - 3, y + row - 3), tones[course][index % 8] if tone else 255)

        return drawn(height, width, draw)

    lay(picture, other, bricks(tone=False))
    lay(picture, brick, bricks(tone=True))
    shade(picture, 0.92 + 0.16 * noise(rng, height, width, 6, 6))
    shade(picture, (1.05 - 0.2 * shares(height) ** 2)[:, None])
    return picture


def marble(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """A polished slab with soft veins."""
    stone, cloud, vein = colours
    picture = gradient(height, width, stone, stone)
    lay(picture, cloud, 0.8 * noise(rng, height, width, 4, 4))
    warp = noise(rng, height, width, 3, 3) * 1.1 + noise(rng, height, width, 7, 7) * 0.25
    slant = shares(width)[None] * np.float32(rng.uniform(0.8, 1.6)) + shares(height)[:, None]
    for turns, strength in ((1.5, 0.8), (2.7, 0.35)):
        crest = 1 - np.abs(np.sin((slant + warp) * np.float32(turns * np.pi / 1.6)))
        lay(picture, vein, strength * clamped(crest * 1.15 - 0.15) ** 6)
    lay(picture, (255, 255, 255), 0.25 * glow(height, width, rng.uniform(0.2, 0.8), 0.15, 0.4))
    return picture


def tiled_floor(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """A chequered floor that runs away to a plain wall."""
    wall, skirting, light, dark = colours
    horizon = round(rng.uniform(0.28, 0.34) * height)
    picture = gradient(height, width, wall, wall)
    lay(picture, skirting, below(horizon / height - 0.035, height))
    near = shares(height - horizon)[:, None] * 0.86 + 0.14
    along = np.float32(1.6) / near + np.float32(rng.random())
    across = (shares(width)[None] - 0.5) * 2.6 * width / height / near + np.float32(rng.random())
    sharp = near * 9
    squares = clamped(np.sin(along * np.float32(np.pi)) * np.sin(across * np.float32(np.pi)) * sharp + 0.5)
    ground = slice(horizon, None)
    lay(picture, dark, 1.0, ground)
    lay(picture, light, squares, ground)
    lay(picture, wall, 0.35 * (1 - clamped(near * 1.6 - 0.2)), ground)
    shade(picture, (0.9 + 0.14 * glow(height, width, rng.uniform(0.3, 0.7), 0.4, 0.7)))
    return picture


def rainy_window(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Blurred lights behind glass with drops, a frame around."""
    sky, low, frame, *lights = colours
    picture = gradient(height, width, sky, low)
    for index in range(12):
        x, y, radius = rng.uniform(0, 1), rng.uniform(0.3, 0.9), rng.uniform(0.05, 0.11)
        lay(picture, lights[index % len(lights)], 0.6 * glow(height, width, x, y, radius))
    drops, sizes = scattered(rng, 60), rng.uniform(0.006, 0.016, 60).tolist()

    def draw(pen: Pen, wide: float, high: float) -> None:
        for (x, y), size in zip(drops, sizes, strict=True):
            radius = size * min(wide, high)
            ellipse(pen, x * wide, y * high, radius, radius * 1.25, 150)
            ellipse(pen, x * wide, y * high - radius * 0.25, radius * 0.75, radius * 0.9, 60)

    lay(picture, (235, 245, 255), drawn(height, width, draw))
    side, bar = 0.045 * min(width, height), abs(shares(width)[None] - np.float32(rng.uniform(0.45, 0.55))) * width
    lay(picture, frame, clamped(side - np.minimum(_to_edge(width, height), bar + side / 2)))
    return picture


def carpet(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """A rug with a border and rows of diamonds."""
    field, border, pattern, accent = colours
    picture = gradient(height, width, field, field)
    pitch = min(width, height) / 4.5
    rows = (np.arange(height, dtype=np.float32) - height / 2 + np.float32(rng.uniform(-9, 9)))[:, None] / pitch
    columns = (np.arange(width, dtype=np.float32) - width / 2 + np.float32(rng.uniform(-9, 9)))[None] / pitch
    diamond = np.abs((rows + 0.5) % 1 - 0.5) + np.abs((columns + 0.5) % 1 - 0.5)
    lay(picture, pattern, clamped((0.4 - diamond) * pitch))
    lay(picture, field, clamped((0.26 - diamond) * pitch))
    lay(picture, accent, clamped((0.13 - diamond) * pitch))
    edge = _to_edge(width, height) / np.float32(min(width, height))
    lay(picture, border, clamped((0.085 - edge) * 200))
    lay(picture, accent, clamped((0.012 - abs(edge - 0.05)) * 200))
    shade(picture, 0.9 + 0.2 * noise(rng, height, width, 7, 7))
    return picture


def kitchen(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Small wall tiles above a worktop."""
    tile, joint, top, front = colours
    picture = gradient(height, width, joint, joint)
    tones, pitch, shift = rng.integers(150, 256, (14, 40)).tolist(), height / 9, float(rng.random())

    def draw(pen: Pen, wide: float, high: float) -> None:
        for row in range(8):
            for column in range(int(wide / pitch / 2) + 2):
                x, y = (column - shift) * 2 * pitch, row * 2 * pitch
                pen.rounded_rectangle((x + 2, y + 2, x + 2 * pitch - 2, y + 2 * pitch - 2), 5, tones[row][column % 40])

    lay(picture, tile, drawn(height, width, draw))
    lay(picture, (255, 255, 255), 0.3 * glow(height, width, rng.uniform(0.2, 0.8), 0.2, 0.4))
    edge = rng.uniform(0.66, 0.7)
    lay(picture, mixed(joint, (0, 0, 0), 0.35), below(edge - 0.06, height, height * 0.08))
    lay(picture, top, below(edge, height))
    lay(picture, front, below(edge + 0.2, height))
    lay(picture, (0, 0, 0), 0.25 * below(edge + 0.2, height) * (1 - below(edge + 0.23, height, height * 0.05)))
    return picture


def curtain(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """A stage: heavy folds, a spotlight, boards in front."""
    cloth, fold, boards, light = colours
    picture = gradient(height, width, cloth, cloth)
    sway = profile(rng, width, 7, -0.6, 0.6) + shares(width)[None] * np.float32(2 * np.pi * rng.uniform(6, 7.5))
    lay(picture, fold, 0.5 + 0.5 * np.sin(sway + 0.3 * shares(height)[:, None]))
    shade(picture, (0.72 + 0.35 * shares(height))[:, None])
    floor = rng.uniform(0.74, 0.79)
    lay(picture, boards, below(floor, height, 1.5))
    lay(picture, mixed(boards, (0, 0, 0), 0.5), below(floor, height) * (1 - below(floor + 0.05, height, height * 0.08)))
    lay(picture, light, 0.35 * glow(height, width, rng.uniform(0.4, 0.6), 0.6, 0.42))
    return picture


def library(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Shelves full of books."""
    wood, dark, *spines = colours
    picture = gradient(height, width, dark, dark)
    shelves, books = 4, 20
    heights, kinds = rng.uniform(0.62, 0.86, (shelves, books)).tolist(), rng.integers(0, len(spines), (shelves, books))
    ends = np.arange(books + 1) + rng.uniform(-0.3, 0.3, (shelves, books + 1))
    edges = (np.sort(ends, axis=1) / (books - 1)).tolist()

    def spine(kind: int) -> Array:
        def draw(pen: Pen, wide: float, high: float) -> None:
            row = high / shelves
            for shelf, book in np.argwhere(kinds == kind).tolist():
                left, right = edges[shelf][book] * wide, edges[shelf][book + 1] * wide - 3
                if right < left:
                    continue  # on a narrow canvas a thin book is lost between its neighbours
                foot, tall = (shelf + 0.92) * row, heights[shelf][book] * row
                pen.rectangle((left, foot - tall, right, foot), 255)
                pen.rectangle((left, foot - 0.8 * tall, right, foot - 0.72 * tall), 150)

        return drawn(height, width, draw)

    for kind, colour in enumerate(spines):
        lay(picture, colour, spine(kind))
    shelf: Array = shares(height)[:, None] * shelves % 1
    lay(picture, wood, clamped((shelf - np.float32(0.91)) * (height / shelves)))
    shade(picture, 0.86 + 0.26 * glow(height, width, rng.uniform(0.2, 0.8), 0.3, 0.6))
    return picture


def _to_edge(width: int, height: int) -> Array:
    """How many pixels the nearest edge of the picture is away, (H, W)."""
    down, across = (np.minimum(np.arange(side), np.arange(side)[::-1]).astype(np.float32) for side in (height, width))
    return np.minimum(down[:, None], across[None])
