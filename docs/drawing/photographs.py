"""Five subjects that are no drawings, as a camera would see them, and what the embedded model makes of them.

`python docs/drawing/photographs.py` traces them with light, shadow, texture and grain, renders each in two scenes and
writes docs/pictures/photographs.png: references above, pictures below. It is how the model card's words on
photographs were found.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gallery import PAPER, PICTURES, commanded, save
from PIL import Image

SIDE = 320  # pixels of a reference
STEPS = 70  # of the march along a ray
GRAIN = 0.02
LIGHT = np.array([-0.5, 0.7, -0.5]) / np.linalg.norm([-0.5, 0.7, -0.5])
SKY, GROUND = np.array([0.55, 0.62, 0.72]), np.array([0.30, 0.26, 0.22])

Points = np.ndarray  # (N, 3)
Distance = Callable[[Points], np.ndarray]  # (N, 3) -> (N,)
Surface = Callable[[Points], np.ndarray]  # (N, 3) -> (N, 3), reflectance

PROMPTS = ("{} on a sandy beach", "{} in a snowy forest")
BOX = {"left": "22%", "top": "30%", "right": "78%", "bottom": "88%"}


def noise(points: Points, scale: float, seed: int = 0) -> np.ndarray:
    """Smooth random values in [0, 1], trilinear between those of a lattice."""
    places = points * scale + 100
    cell = np.floor(places).astype(np.int64)
    share = places - cell
    share = share * share * (3 - 2 * share)
    value = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, share, 1 - share), axis=1)
        x, y, z = (cell + corner).T
        mixed = (x * 73856093) ^ (y * 19349663) ^ (z * 83492791) ^ (seed * 2654435761)
        mixed = (mixed ^ (mixed >> 13)) * 1274126177
        value += weight * ((mixed ^ (mixed >> 16)) & 0xFFFF) / 0xFFFF
    return value


def cloud(points: Points, scale: float, seed: int = 0) -> np.ndarray:
    """Noise of five octaves, about [0, 1]."""
    return sum(noise(points, scale * 2**k, seed + k) * 0.5 ** (k + 1) for k in range(5))


def mixed(share: np.ndarray, first: tuple[float, ...], second: tuple[float, ...]) -> np.ndarray:
    share = np.clip(share, 0, 1)[:, None]
    return np.array(first) * (1 - share) + np.array(second) * share


def ball(points: Points) -> np.ndarray:
    return np.linalg.norm(points, axis=1) - 0.85


def marble(points: Points) -> np.ndarray:
    veins = np.abs(np.sin(4 * points[:, 0] + 9 * cloud(points, 1.7)))
    return mixed(veins**0.4, (0.12, 0.16, 0.15), (0.86, 0.87, 0.83))


def block(points: Points) -> np.ndarray:
    turn = np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
    beyond = np.abs(points @ turn) - (0.55, 0.6, 0.55)
    return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0) - 0.06


def wood(points: Points) -> np.ndarray:
    rings = np.linalg.norm(points[:, [0, 2]] + (0.5, 0.3), axis=1) * 9 + 1.5 * cloud(points * (1, 0.15, 1), 3)
    grain = 0.25 * noise(points * (1, 0.05, 1), 60)
    return mixed(rings % 1 * 0.75 + grain, (0.72, 0.47, 0.26), (0.38, 0.20, 0.09))


def pebble(points: Points) -> np.ndarray:
    round_ = np.linalg.norm(points / (1, 0.7, 0.8), axis=1) - 0.9
    return round_ * 0.7 - 0.10 * (cloud(points, 2.2, 7) - 0.5)


def moss(points: Points) -> np.ndarray:
    stone = mixed(cloud(points, 6, 3), (0.34, 0.34, 0.35), (0.62, 0.60, 0.57))
    green = mixed(cloud(points, 14, 5), (0.10, 0.22, 0.05), (0.38, 0.50, 0.12))
    share = np.clip((points[:, 1] + 0.9 * cloud(points, 3, 9) - 0.45) * 5, 0, 1)[:, None]
    return stone * (1 - share) + green * share


def ring(points: Points) -> np.ndarray:
    tipped = points @ np.array([[1, 0, 0], [0, 0.6, 0.8], [0, -0.8, 0.6]])
    across = np.linalg.norm(tipped[:, [0, 2]], axis=1) - 0.62
    return np.hypot(across, tipped[:, 1]) - 0.32


def glaze(points: Points) -> np.ndarray:
    tipped = points @ np.array([[1, 0, 0], [0, 0.6, 0.8], [0, -0.8, 0.6]])
    dough = mixed(cloud(points, 8), (0.70, 0.44, 0.20), (0.86, 0.64, 0.36))
    iced = (tipped[:, 1] + 0.12 * noise(points, 4) > 0.02)[:, None]
    crumbs = (noise(points, 16, 4) > 0.80)[:, None]
    return np.where(iced, np.where(crumbs, (0.98, 0.90, 0.55), (0.80, 0.32, 0.45)), dough)


def jug(points: Points) -> np.ndarray:
    radius = 0.42 + 0.16 * np.sin(2.4 * points[:, 1] + 2.2)
    body = np.maximum(np.linalg.norm(points[:, [0, 2]], axis=1) - radius, np.abs(points[:, 1]) - 0.85) * 0.75
    handle = points - (0.62, 0.15, 0)
    loop = np.hypot(np.linalg.norm(handle[:, :2], axis=1) - 0.30, handle[:, 2]) - 0.07
    return np.minimum(body, loop)


def copper(points: Points) -> np.ndarray:
    hammered = 0.5 + 0.5 * np.sin(30 * points[:, 1]) * np.sin(14 * np.arctan2(points[:, 2], points[:, 0]))
    return mixed(0.3 * hammered + 0.6 * cloud(points, 3), (0.62, 0.28, 0.14), (0.93, 0.55, 0.34))


SUBJECTS: dict[str, tuple[Distance, Surface, float]] = {  # form, surface, gloss
    "a marble ball": (ball, marble, 0.5),
    "a block": (block, wood, 0.15),
    "a rock": (pebble, moss, 0.0),
    "a doughnut": (ring, glaze, 0.35),
    "a jug": (jug, copper, 0.7),
}


def photographed(form: Distance, surface: Surface, gloss: float) -> Image.Image:
    """The subject before nothing, RGBA."""
    rng = np.random.default_rng(0)
    y, x = (0.5 - (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE) * 2.3
    eye = np.stack([-x.ravel(), y.ravel(), np.full(SIDE * SIDE, -3.0)], 1)
    ahead = np.array([0.0, 0.0, 1.0])
    depth = np.zeros(len(eye))
    for _ in range(STEPS):
        depth += np.clip(form(eye + depth[:, None] * ahead), -0.2, 0.2) * 0.9
    there = eye + depth[:, None] * ahead
    seen = np.abs(form(there)) < 0.01
    there = there[seen]
    steps = np.eye(3) * 1e-3
    normal = np.stack([form(there + step) - form(there - step) for step in steps], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    direct = np.clip(normal @ LIGHT, 0, 1) * _lit(form, there + 0.03 * normal)
    above = 0.5 + 0.5 * normal[:, 1:2]
    ambient = SKY * above + GROUND * (1 - above)
    halfway = (LIGHT - ahead) / np.linalg.norm(LIGHT - ahead)
    shine = gloss * np.clip(normal @ halfway, 0, 1)[:, None] ** 60
    light = surface(there) * (0.55 * ambient + 1.1 * direct[:, None] * (1.0, 0.94, 0.84)) + shine
    pixels = np.zeros((SIDE * SIDE, 4))
    pixels[seen, :3] = np.clip(light, 0, 1) ** (1 / 1.6) + rng.normal(0, GRAIN, light.shape)
    pixels[seen, 3] = 1
    return Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8).reshape(SIDE, SIDE, 4), "RGBA")


def _lit(form: Distance, points: Points) -> np.ndarray:
    """How much of the light arrives, softly."""
    light = np.ones(len(points))
    travelled = np.full(len(points), 0.05)
    for _ in range(24):
        room = form(points + travelled[:, None] * LIGHT)
        light = np.minimum(light, np.clip(10 * room / travelled, 0, 1))
        travelled += np.clip(room, 0.03, 0.2)
    return light


def main() -> None:
    references = {name: photographed(*made) for name, made in SUBJECTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        scenes = []
        for name, picture in references.items():
            file = f"{name.split()[-1]}.png"
            picture.save(Path(folder, file))
            scenes += [
                {"version": 1, "name": f"{Path(file).stem}-{number}", "prompt": prompt.format(name).capitalize() + ".",
                 "canvas": {"width": 256, "height": 256}, "references": {"it": {"image": file}},
                 "instances": [{"reference": "it", "box": BOX}], "seed": 1}
                for number, prompt in enumerate(PROMPTS)
            ]  # fmt: skip
        listed = Path(folder, "photographs.jsonl")
        listed.write_text("\n".join(map(json.dumps, scenes)), encoding="utf-8")
        painted = [Image.open(path).convert("RGB") for path in commanded("render", listed, "-o", Path(folder, "out"))]
    rows = [list(references.values()), *(painted[row :: len(PROMPTS)] for row in range(len(PROMPTS)))]
    page = Image.new("RGB", (len(references) * 200, len(rows) * 200), PAPER)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            small = picture.resize((192, 192), Image.Resampling.LANCZOS)
            page.paste(small, (across * 200 + 4, down * 200 + 4), small if small.mode == "RGBA" else None)
    save(page, PICTURES / "photographs.png")


if __name__ == "__main__":
    main()
