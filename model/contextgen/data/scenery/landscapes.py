"""Backgrounds with a wide horizon: beach, hills, meadow, sea, dunes, lake, fields of flowers."""

from __future__ import annotations

import numpy as np

from contextgen.data.scenery.brushes import (
    Array,
    Colour,
    Generator,
    Pen,
    below,
    clamped,
    disc,
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


def beach(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Sky, a band of sea with foam, sand."""
    sky, haze, sea, shallow, sand, shore = colours
    horizon = round(rng.uniform(0.28, 0.36) * height)
    depth = height - horizon
    picture = np.concatenate(
        [gradient(horizon, width, sky, haze), gradient(depth, width, sea, shallow, shallow, shallow)], 1
    )
    shade(picture, 0.92 + 0.16 * noise(rng, depth, width, 26, 4), slice(horizon, None))
    coast = rng.uniform(0.52, 0.6) + profile(rng, width, 4, -0.035, 0.035)
    lay(picture, (250, 252, 250), 0.8 * below(coast - 0.03, height, height * 0.02))
    lay(picture, shore, below(coast, height, 3))
    lay(picture, sand, below(coast + 0.03, height, height * 0.06))
    dry = slice(round(0.66 * height), None)
    shade(picture, 0.95 + 0.1 * noise(rng, height - dry.start, width, 6, 5), dry)
    return picture


def snow_hills(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Three rounded white hills, one behind the other, with a few firs."""
    sky, haze, far, near, shadow = colours
    picture = gradient(height, width, sky, haze, haze)
    for depth, edge in enumerate((0.34, 0.48, 0.64)):
        hill = edge + profile(rng, width, 3 + depth, -0.09, 0.09)
        lay(picture, mixed(far, near, depth / 2), below(hill, height))
        flank = below(hill + 0.02, height, height * 0.1) * (1 - below(hill + 0.2, height, height * 0.3))
        lay(picture, shadow, 0.55 * flank)
    lay(picture, mixed(shadow, (30, 60, 70), 0.7), _firs(rng, width, height, 0.46))
    lay(picture, near, 0.5 * below(0.75, height, height * 0.4))
    return picture


def _firs(rng: Generator, width: int, height: int, ground: float) -> Array:
    places = scattered(rng, 7, ground - 0.04, ground + 0.1)

    def draw(pen: Pen, wide: float, high: float) -> None:
        for x, y in places:
            tall = high * (0.07 + 0.3 * (y - ground + 0.04))
            for step in range(3):
                top, half = y * high - tall * (1 - 0.25 * step), tall * (0.14 + 0.07 * step)
                pen.polygon(
                    [(x * wide, top), (x * wide - half, top + tall * 0.45), (x * wide + half, top + tall * 0.45)], 255
                )

    return drawn(height, width, draw)


def meadow(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Rolling green under a bright sky."""
    sky, haze, far, middle, near = colours
    picture = gradient(height, width, sky, haze, haze)
    lay(picture, (255, 250, 220), 0.4 * glow(height, width, rng.uniform(0.2, 0.8), 0.2, 0.35))
    edges = (rng.uniform(0.34, 0.4), rng.uniform(0.48, 0.54), rng.uniform(0.68, 0.74))
    for edge, colour, hills in zip(edges, (far, middle, near), (4, 3, 3), strict=True):
        body = below(edge + profile(rng, width, hills, -0.05, 0.05), height, 1.5)
        lay(picture, colour, body)
        shade(picture, 1 - 0.16 * body * noise(rng, height, width, 9, 3))
    return picture


def sea(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Sun above water down to the lower edge, with its glitter."""
    sky, haze, sun, water, deep = colours
    horizon, x = round(rng.uniform(0.42, 0.48) * height), rng.uniform(0.25, 0.75)
    level, depth, rows = horizon / height, height - horizon, slice(horizon, None)
    picture = np.concatenate([gradient(horizon, width, sky, haze), gradient(depth, width, water, deep)], 1)
    lay(picture, sun, 0.6 * glow(height, width, x, level - 0.1, 0.3)[:horizon], slice(horizon))
    lay(picture, sun, disc(height, width, x, level - 0.1, 0.065)[:horizon], slice(horizon))
    waves = noise(rng, depth, width, 22, 4)
    shade(picture, 0.84 + 0.32 * waves, rows)
    lay(picture, sun, 0.8 * glow(height, width, x, level, 0.28)[rows] * clamped(3 * waves - 1.1), rows)
    lay(picture, haze, 0.5 * (1 - below(0.03, depth, depth * 0.06)), rows)
    return picture


def desert(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Dunes with a lit and a shaded flank."""
    sky, haze, lit, sand, shadow = colours
    picture = gradient(height, width, sky, haze, haze)
    for depth, edge in enumerate((0.36, 0.5, 0.68)):
        crest = edge + profile(rng, width, 3, -0.1, 0.1)
        body = below(crest, height)
        lay(picture, mixed(mixed(lit, haze, 0.35), sand, depth / 2), body)
        slope = np.gradient(crest[0])[None] * width
        flank = clamped(slope * 2.5) * (1 - below(crest + 0.16 + 0.08 * depth, height, height * 0.2))
        lay(picture, shadow, 0.75 * body * flank)
    half = height // 2
    shade(picture, 0.95 + 0.1 * noise(rng, height - half, width, 26, 3), slice(half, None))
    return picture


def lake(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Mountains, their reflection in still water, a green shore in front."""
    sky, haze, far, near, water, shore = colours
    horizon = round(rng.uniform(0.5, 0.54) * height)
    top = gradient(horizon, width, sky, haze)
    peaks = 0.5 + profile(rng, width, 6, -0.35, 0.1)
    lay(top, far, below(peaks, horizon))
    lay(top, (245, 248, 252), 0.8 * below(peaks, horizon) * (1 - below(peaks + 0.1, horizon, horizon * 0.1)))
    lay(top, near, below(0.75 + profile(rng, width, 5, -0.22, 0.07), horizon))
    reflection = top[:, ::-1][:, : height - horizon].copy()
    lay(reflection, water, 0.55)
    picture = np.concatenate([top, reflection], 1)
    shade(picture, 0.94 + 0.12 * noise(rng, height - horizon, width, 24, 3), slice(horizon, None))
    lay(picture, shore, below(rng.uniform(0.84, 0.9) + profile(rng, width, 4, -0.04, 0.04), height, 2))
    return picture


def flower_field(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """A green field with blossoms in two colours, larger towards the front."""
    sky, haze, far, green, first, second = colours
    horizon = rng.uniform(0.3, 0.36) + profile(rng, width, 3, -0.03, 0.03)
    picture = gradient(height, width, sky, haze, haze)
    lay(picture, far, below(horizon, height))
    lay(picture, green, below(horizon + 0.3, height, height * 0.5))
    shade(picture, 1 - 0.2 * below(horizon, height) * noise(rng, height, width, 14, 6))
    for colour in (first, second):
        lay(picture, colour, _blossoms(scattered(rng, 60, 0.4, 1.0), width, height))
    return picture


def _blossoms(places: list[tuple[float, float]], width: int, height: int) -> Array:
    def draw(pen: Pen, wide: float, high: float) -> None:
        for x, y in places:
            radius = min(wide, high) * (0.004 + 0.03 * (y - 0.38))
            ellipse(pen, x * wide, y * high, radius * 1.2, radius)
            ellipse(pen, x * wide, y * high, radius * 0.35, radius * 0.3, 90)

    return drawn(height, width, draw)


def lavender(rng: Generator, colours: Colours, width: int, height: int) -> Array:
    """Rows of violet bushes that meet at the horizon."""
    sky, haze, hills, bush, earth = colours
    horizon = round(rng.uniform(0.34, 0.4) * height)
    picture = gradient(height, width, sky, haze, haze)
    lay(picture, hills, below(horizon / height - 0.04 + profile(rng, width, 5, -0.05, 0.04), height))
    near = shares(height - horizon)[:, None]  # 0 at the horizon
    across = (shares(width)[None] - np.float32(rng.uniform(0.4, 0.6))) / (0.08 + near)
    rows = clamped(0.5 + 1.6 * np.cos(across * np.float32(2 * np.pi * 1.5)))
    ground = slice(horizon, None)
    lay(picture, earth, 1.0, ground)
    lay(picture, bush, rows * clamped(near * 12) + 0.5 * (1 - clamped(near * 12)), ground)
    shade(picture, 0.84 + 0.3 * noise(rng, height - horizon, width, 13, 11), ground)
    return picture
