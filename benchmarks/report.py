"""Times `contextgen report` on a folder of many pictures, start-up included, and says what the page weighs.

`python benchmarks/report.py [PICTURES] [SIDE] [--keep FOLDER]` writes one JSON line. The pictures are layouts of the
example references over a noisy ground, with records and a ledger as a run leaves them, a few failures among them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageFilter

from contextgen.method.method_card import ModelCard
from contextgen_cli.batch import ledger
from contextgen_cli.batch.plan import Job, JobCost, Recipe, Weights, job_record
from contextgen_cli.models import renderer
from contextgen_cli.records.output import encode
from contextgen_cli.scene.scene import Box, PlacedReference, Reference, Sampling, Scene, SceneSource, Size

SCENES = Path(__file__).parents[1] / "scenes"
SUBJECTS = ("cactus", "crab", "fox", "handbag", "lantern", "mushroom", "sailboat", "teapot")
PLACES = ("on a sandy beach at sunset", "on snowy hills", "in an autumn forest", "on a wooden table", "by a lake")
SEEDS = 25  # pictures a scene
RECIPE = Recipe(
    Weights("mini", "5e" * 32), None, {"dtype": "float32", "attention": "exact", "ica": "released"}, 12, 2.5
)
FAILURE = ledger.Reason("DeviceError", "cuda:0 ran out of memory at 21.3 GiB", "Try --memory offload, or --size.")


def scene(number: int, side: int) -> Scene:
    """One to four subjects, each in its own quarter of the canvas."""
    choice = random.Random(number)
    subjects = choice.sample(SUBJECTS, choice.randint(1, 4))
    quarters = choice.sample([(x, y) for x in (0, 1) for y in (0, 1)], len(subjects))
    boxes = [_box(choice, side, *quarter) for quarter in quarters]
    words = " and ".join(f"a {subject}" for subject in subjects)
    return Scene(
        name=f"{subjects[0]}-{number:03d}",
        prompt=f"{words.capitalize()} {choice.choice(PLACES)}.",
        canvas=Size(side, side),
        references=tuple(_reference(subject) for subject in subjects),
        instances=tuple(PlacedReference(subject, box) for subject, box in zip(subjects, boxes, strict=True)),
        sampling=Sampling(12, 2.5),
        source=SceneSource(SCENES / "made-up.yaml"),
    )


def _box(choice: random.Random, side: int, x: int, y: int) -> Box:
    half, size = side // 2, choice.randint(3 * side // 10, 9 * side // 20)
    left, top = x * half + choice.randint(0, half - size), y * half + choice.randint(0, half - size)
    return Box(left, top, left + size, top + size)


def _reference(subject: str) -> Reference:
    cutout = SCENES / "refs" / f"{subject}.png"
    if cutout.exists():
        return Reference(subject, cutout)
    return Reference(subject, cutout.with_suffix(".jpg"), cutout.with_name(f"{subject}_mask.png"))


def picture(layout: Image.Image, seed: int) -> Image.Image:
    """The layout on a ground of two colours and some noise, which keeps the file as large as a painted one."""
    choice = random.Random(seed)
    sky, earth = ([choice.randint(90, 230) for _ in range(3)] for _ in range(2))
    slope = Image.linear_gradient("L").resize(layout.size)
    ground = Image.composite(
        Image.new("RGB", layout.size, tuple(earth)), Image.new("RGB", layout.size, tuple(sky)), slope
    )
    noise = Image.effect_noise(layout.size, 24).filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")
    ground = Image.blend(ground, noise, 0.12)
    ground.paste(layout, mask=layout.getchannel("A"))
    return ground


def attempts(count: int, side: int, folder: Path) -> Iterator[ledger.Attempt]:
    """Write pictures, and say what the ledger has of each: every 97th failed, every 211th crashed."""
    for number in range(count):
        if number % SEEDS == 0:
            shown = scene(number // SEEDS, side)
            layout = renderer.compose(shown, ModelCard())
        seed = number % SEEDS
        job = Job(replace(shown, seeds=(seed,)), seed, f"{number:064x}", RECIPE, _digests(shown), JobCost(1, 1.0, 1))
        said = {"job": job.id, "scene": shown.name, "seed": seed, "host": "node-1", "rank": number % 2}
        at = f"2026-01-{1 + number // 480:02d}T{number // 20 % 24:02d}:{number * 3 % 60:02d}:00Z"
        if number % 97 == 96 or number % 211 == 210:
            outcome = ledger.FAILED if number % 97 == 96 else ledger.CRASHED
            yield ledger.Attempt(**said, outcome=outcome, seconds=1.0, at=at, error=FAILURE)
            continue
        (folder / f"{job.name}.png").write_bytes(encode(picture(layout, number), job_record(job)))
        seconds = 2 + number * 7 % 30 / 10
        yield ledger.Attempt(
            **said, outcome=ledger.RENDERED, file=f"{job.name}.png", seconds=seconds, peak_bytes=3 << 28, at=at
        )


def _digests(shown: Scene) -> tuple[tuple[Path, str], ...]:
    return tuple((path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in shown.files)


def main(count: int, side: int, folder: Path) -> None:
    ledger.append(folder, attempts(count, side, folder))
    command = [sys.executable, "-m", "contextgen_cli", "report", str(folder), "--inputs", str(SCENES), "-q"]
    begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "benchmark": "report",
        "pictures": count,
        "side": side,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime, 2),
        "page_mib": round((folder / "report.html").stat().st_size / 2**20, 1),
        "mean_picture_kib": round(sum(path.stat().st_size for path in folder.glob("*.png")) / count / 2**10),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="?", type=int, default=1000)
    parser.add_argument("side", nargs="?", type=int, default=256)
    parser.add_argument("--keep", type=Path, help="a new folder for the pictures and the page")
    asked = parser.parse_args()
    if asked.keep is not None:
        asked.keep.mkdir(parents=True)
        main(asked.pictures, asked.side, asked.keep)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(asked.pictures, asked.side, Path(temporary))
