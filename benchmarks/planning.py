"""Times the plan of a large batch: scene files read and checked, images hashed and looked at, jobs priced.

`python benchmarks/planning.py [FILES]` writes a batch of so many scene files (10,000; ten seeds each, one to eight
references out of a fifth as many pictures), plans it twice with `render --dry-run`, the second time with what the
first remembered, and writes a JSON line for each. `--keep FOLDER` leaves the batch there and takes it up again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw

SEEDS = 10
COUNTS = (1, 2, 3, 4, 5, 6, 7, 8)
SIDE = 512
YAML = """\
version: 1
prompt: {prompt}
canvas: {{width: 256, height: 256}}
references:
{references}
instances:
{instances}
seeds: {seeds}
"""


def write_batch(folder: Path, files: int) -> None:
    chance = random.Random(0)
    pictures = [folder / "refs" / f"{number:05}.png" for number in range(max(8, files // 5))]
    (folder / "refs").mkdir(parents=True)
    for path in pictures:
        draw(path, chance)
    for number in range(files):
        (folder / f"{number:05}.yaml").write_text(scene(chance, [path.name for path in pictures]), encoding="utf-8")


def draw(path: Path, chance: random.Random) -> None:
    picture = Image.effect_noise((SIDE, SIDE), 40).convert("RGB")
    mask = Image.new("L", picture.size)
    corner = [chance.randrange(SIDE // 4) for _ in range(2)]
    ImageDraw.Draw(mask).ellipse((*corner, *(SIDE - 1 - chance.randrange(SIDE // 4) for _ in range(2))), fill=255)
    picture.putalpha(mask)
    picture.save(path, compress_level=1)


def scene(chance: random.Random, pictures: list[str]) -> str:
    chosen = chance.sample(pictures, chance.choice(COUNTS))
    boxes = [(chance.randrange(0, 128, 2), chance.randrange(0, 128, 2)) for _ in chosen]
    return YAML.format(
        prompt=f"Toys on a shelf, number {chance.randrange(10**9)}.",
        references="\n".join(f"  r{k}: {{image: refs/{name}}}" for k, name in enumerate(chosen)),
        instances="\n".join(
            f"  - reference: r{k}\n    box: {{x: {x}, y: {y}, width: 100, height: 120}}"
            for k, (x, y) in enumerate(boxes)
        ),
        seeds=list(range(SEEDS)),
    )


def measure(folder: Path, run: str) -> dict[str, object]:
    command = [sys.executable, "-m", "contextgen_cli", "render", str(folder), "-o", str(folder / "out")]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    planned = subprocess.run([*command, "--dry-run", "--json", "-q"], check=True, stdout=subprocess.PIPE)
    seconds = time.perf_counter() - begin
    summary = json.loads(planned.stdout.splitlines()[-1])
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = children.ru_utime + children.ru_stime - before.ru_utime - before.ru_stime
    return {
        "benchmark": "planning",
        "run": run,
        "jobs": summary["jobs"],
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mebibytes": children.ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="?", type=int, default=10_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch) / "batch"
        if not folder.exists():
            write_batch(folder, options.files)
        (folder / "out").mkdir(exist_ok=True)
        for run in ("first", "second"):
            sys.stdout.write(json.dumps(measure(folder, run)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
