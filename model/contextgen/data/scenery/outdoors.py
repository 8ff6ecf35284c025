"""Backgrounds under the sky, under water or under rock: forest, stars, city, clouds, leaves, stones, cave."""

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


def forest(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Trunks in three depths before a lit clearing, undergrowth below."""
    light, leaves, deep, bark, ground, moss = colours
    picture = gradient(height, width, leaves, light, leaves)
    lay(picture, light, 0.7 * glow(height, width, rng.uniform(0.3, 0.7), 0.4, 0.35))
    for depth in range(3):
        lay(picture, mixed(mixed(bark, leaves, 0.7), bark, depth / 2), _trunks(rng, width, height, depth))
    lay(picture, deep, 1 - below(0.2 + profile(rng, width, 9, -0.07, 0.07), height, height * 0.05))
    lay(picture, ground, below(0.68 + profile(rng, width, 5, -0.04, 0.04), height, height * 0.03))
    lay(picture, moss, below(0.84 + profile(rng, width, 6, -0.05, 0.05), height, height * 0.04))
    shade(picture, 0.9 + 0.2 * noise(rng, height, width, 9, 9))
    return picture


def _trunks(rng: Generator, width: int, height: int, depth: int) -> Array:
    count = 8 - 2 * depth
    places = ((np.arange(count) + rng.uniform(0.15, 0.85, count)) / count).tolist()
    half, foot = 0.008 + 0.009 * depth, 0.68 + 0.06 * depth

    def draw(pen: Pen, wide: float, high: float) -> None:
        thin, thick = min(wide, high) * half * 0.8, min(wide, high) * half * 1.4
        for x in (place * wide for place in places):
            pen.polygon([(x - thin, 0), (x + thin, 0), (x + thick, foot * high), (x - thick, foot * high)], 255)

    return drawn(height, width, draw)


def starry_sky(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Stars, a band of light across, dark hills at the foot."""
    zenith, low, band, hills = colours
    picture = gradient(height, width, zenith, low, bend=1.4)
    slant = np.float32(0.3 * rng.choice([-1, 1])) * shares(width)[None] + profile(rng, width, 3, 0, 0.1)
    milky = np.exp(-(((shares(height)[:, None] - slant - (0.35 if slant[0, -1] > 0 else 0.65)) / 0.16) ** 2))
    lay(picture, band, milky * (0.25 + 0.45 * noise(rng, height, width, 6, 7)))
    stars, sizes = scattered(rng, 70, 0, 0.85), (rng.random(70) ** 3 * 0.006 + 0.0025).tolist()

    def draw(pen: Pen, wide: float, high: float) -> None:
        for (x, y), size in zip(stars, sizes, strict=True):
            ellipse(pen, x * wide, y * high, size * min(wide, high), size * min(wide, high))

    lay(picture, (255, 252, 238), drawn(height, width, draw))
    lay(picture, hills, below(0.86 + profile(rng, width, 5, -0.05, 0.05), height))
    return picture


def city(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Two rows of towers, lit windows, a street in front."""
    sky, haze, far, near, windows, street = colours
    picture = gradient(height, width, sky, haze, haze)
    behind, front = (far, mixed(far, windows, 0.25), (0.22, 0.5), 11), (near, windows, (0.38, 0.6), 8)
    for wall, window, tops, count in (behind, front):
        edges = np.arange(count + 1) + np.pad(rng.uniform(-0.25, 0.25, count - 1), 1)
        roofs = rng.uniform(*tops, count)
        lay(picture, wall, _towers((edges / count).tolist(), roofs.tolist(), width, height))
        lit = rng.random((count, 8, 3)) < 0.6
        lay(picture, window, _windows((edges / count).tolist(), roofs.tolist(), lit.tolist(), width, height))
    lay(picture, street, below(0.8, height))
    lay(picture, mixed(street, (255, 255, 255), 0.25), below(0.8, height) * (1 - below(0.82, height)))
    lay(picture, (0, 0, 0), 0.2 * below(0.9, height, height * 0.2))
    return picture


def _towers(edges: list[float], roofs: list[float], width: int, height: int) -> Array:
    def draw(pen: Pen, wide: float, high: float) -> None:
        for left, right, roof in zip(edges, edges[1:], roofs, strict=False):
            pen.rectangle((left * wide, roof * high, (right - 0.008) * wide, 0.82 * high), fill=255)

    return drawn(height, width, draw)


def _windows(edges: list[float], roofs: list[float], lit: list[list[list[bool]]], width: int, height: int) -> Array:
    def draw(pen: Pen, wide: float, high: float) -> None:
        row = 0.062 * high
        for left, right, roof, floors in zip(edges, edges[1:], roofs, lit, strict=False):
            pitch = (right - left - 0.008) * wide / 3.4
            for floor, rooms in enumerate(floors):
                y = roof * high + row * (floor + 0.5)
                for room, on in enumerate(rooms):
                    x = left * wide + pitch * (room + 0.45)
                    if on and y < 0.77 * high:
                        pen.rectangle((x, y, x + pitch * 0.5, y + row * 0.5), fill=255)

    return drawn(height, width, draw)


def clouds(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Cushions of cloud, near ones larger and lower."""
    sky, low, white, grey = colours
    picture = gradient(height, width, sky, low)
    for depth, centre in enumerate((0.2, 0.5, 0.82)):
        puffs, size = scattered(rng, 9, centre - 0.05, centre + 0.07), 0.07 + 0.035 * depth
        lay(picture, mixed(grey, low, 0.3 - 0.1 * depth), _puffs(puffs, size, 0.03, width, height))
        lay(picture, mixed(white, low, 0.3 - 0.15 * depth), _puffs(puffs, size * 0.9, -0.005, width, height))
    return picture


def _puffs(puffs: list[tuple[float, float]], size: float, drop: float, width: int, height: int) -> Array:
    def draw(pen: Pen, wide: float, high: float) -> None:
        for index, (x, y) in enumerate(puffs):
            radius = size * min(wide, high) * (0.8 + 0.25 * (index % 3))
            ellipse(pen, x * wide, (y + drop) * high, radius * 1.6, radius)

    return drawn(height, width, draw)


def underwater(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Slanted light from the surface, bubbles, weed on the sea floor."""
    surface, water, deep, floor, weed = colours
    picture = gradient(height, width, surface, water, deep)
    fan = shares(width)[None] + np.float32(rng.uniform(-0.5, 0.5)) * shares(height)[:, None]
    rays = clamped(np.sin(fan * np.float32(rng.uniform(14, 20)) + np.float32(rng.uniform(0, 6))) * 1.5)
    lay(picture, (255, 255, 255), 0.28 * rays * (1 - below(0.45, height, height * 0.9)))
    lay(picture, floor, below(0.86 + profile(rng, width, 4, -0.04, 0.04), height, 2))
    lay(picture, weed, _weed(scattered(rng, 16, 0.88, 1.0), rng.uniform(-1, 1, 16).tolist(), width, height))
    bubbles = scattered(rng, 22, 0.1, 0.8)

    def draw(pen: Pen, wide: float, high: float) -> None:
        for index, (x, y) in enumerate(bubbles):
            radius = min(wide, high) * (0.008 + 0.003 * (index % 4))
            ellipse(pen, x * wide, y * high, radius, radius, 150)
            ellipse(pen, x * wide + radius * 0.15, y * high + radius * 0.15, radius * 0.7, radius * 0.7, 45)

    lay(picture, (255, 255, 255), drawn(height, width, draw))
    return picture


def _weed(places: list[tuple[float, float]], bends: list[float], width: int, height: int) -> Array:
    def draw(pen: Pen, wide: float, high: float) -> None:
        side = min(wide, high)
        for (x, y), bend in zip(places, bends, strict=True):
            steps = np.linspace(0, 1, 7)
            stalk = x * wide + np.sin(steps * 4 + bend * 3) * side * 0.02
            tops = y * high - steps * side * (0.16 + 0.07 * bend)
            line = list(zip(stalk.tolist(), tops.tolist(), strict=True))
            pen.line(line, fill=255, width=round(side * 0.022), joint="curve")

    return drawn(height, width, draw)


def cave(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """A bright mouth of the cave amid dark rock, spikes from roof and floor."""
    rock, dark, mouth, spikes = colours
    picture = gradient(height, width, dark, rock, dark)
    shade(picture, 0.75 + 0.5 * noise(rng, height, width, 7, 7))
    x, y = rng.uniform(0.38, 0.62), rng.uniform(0.42, 0.5)
    lay(picture, mouth, 0.45 * glow(height, width, x, y, 0.42))
    far = np.hypot((shares(width)[None] - x) / 0.24, (shares(height)[:, None] - y) / 0.26)
    rim, floor = 0.95 + profile(rng, width, 9, -0.12, 0.12), y + 0.16 + profile(rng, width, 4, -0.02, 0.02)
    ground = below(floor, height, 2)
    lay(picture, mixed(rock, mouth, 0.25), 0.6 * ground)
    lay(picture, mouth, 0.5 * ground * glow(height, width, x, y + 0.22, 0.2))
    lay(picture, mouth, clamped((rim - far) * 14) * (1 - ground))
    points, lengths = np.sort(rng.random(9)).tolist(), rng.uniform(0.1, 0.28, 9).tolist()

    def draw(pen: Pen, wide: float, high: float) -> None:
        for index, (place, length) in enumerate(zip(points, lengths, strict=True)):
            x, half = place * wide, 0.045 * wide
            root, tip = (0.0, length * high) if index % 3 else (high, high * (1 - length * 0.7))
            pen.polygon([(x - half, root), (x + half, root), (x, tip)], 255)

    lay(picture, spikes, drawn(height, width, draw))
    return picture


def autumn_leaves(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """A ground covered with fallen leaves."""
    ground, *leaves = colours
    picture = gradient(height, width, ground, ground)
    for colour in leaves:
        places, angles = scattered(rng, 26), rng.uniform(0, np.pi, 26)
        lay(picture, colour, _leaves(places, np.cos(angles).tolist(), np.sin(angles).tolist(), width, height))
    shade(picture, 0.92 + 0.16 * noise(rng, height, width, 5, 5))
    return picture


def _leaves(
    places: list[tuple[float, float]], cosines: list[float], sines: list[float], width: int, height: int
) -> Array:
    def draw(pen: Pen, wide: float, high: float) -> None:
        size = 0.125 * min(wide, high)
        for (x, y), cosine, sine in zip(places, cosines, sines, strict=True):
            outline = ((-1, 0), (-0.4, -0.42), (0.4, -0.36), (1, 0), (0.4, 0.36), (-0.4, 0.42))
            corners = [
                (x * wide + size * (a * cosine - b * sine), y * high + size * (a * sine + b * cosine))
                for a, b in outline
            ]
            pen.polygon(corners, 255)
            pen.line((corners[0], corners[3]), fill=170, width=2)

    return drawn(height, width, draw)


def stone_path(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Round cobbles in staggered rows, seen from above."""
    joint, stone, light = colours
    picture = gradient(height, width, joint, joint)
    rows, shift = 6, float(rng.random())
    jitter = rng.uniform(-0.08, 0.08, (rows + 2, 24, 2)).tolist()

    def stones(grow: float, up: float) -> Array:
        def draw(pen: Pen, wide: float, high: float) -> None:
            pitch = high / rows
            for row in range(rows + 2):
                for column in range(int(wide / pitch) + 2):
                    dx, dy = jitter[row][column % 24]
                    x, y = (column + row % 2 / 2 - shift + dx) * pitch, (row - shift + dy - up) * pitch
                    ellipse(pen, x, y, pitch * grow * (0.51 + dy / 2), pitch * grow * (0.47 + dx / 2))

        return drawn(height, width, draw)

    lay(picture, stone, stones(1.0, 0.0))
    lay(picture, light, 0.7 * stones(0.7, 0.07))
    shade(picture, 0.88 + 0.24 * noise(rng, height, width, 7, 7))
    return picture
