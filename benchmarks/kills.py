"""Kills a batch again and again, and holds what comes of it against an uninterrupted run.

`python benchmarks/kills.py [KILLS] [JOBS]` renders JOBS pictures (400) with the tiny model of the tests, kills the
whole run with SIGKILL at KILLS random moments (200; where the pictures run out, a new folder is begun), lets it end,
and compares every byte. A JSON line says what was found; the exit code is 1 if anything is missing, torn or left over.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from painting import TINY_ADAPTER, TINY_MODEL, write_scene  # noqa: E402

from contextgen_cli.batch.ledger import LEDGER, read  # noqa: E402

RENDER = [sys.executable, "-m", "contextgen_cli", "render"]
TINY = ["--model", str(TINY_MODEL), "--adapter", str(TINY_ADAPTER), "--device", "cpu", "--steps", "1", "-q"]
LONGEST = 20.0  # seconds until a kill: before, while and after the model is opened


def render(scene: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [*RENDER, str(scene), *TINY, "-o", str(out), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LEDGER}


def is_sound(out: Path, whole: dict[str, bytes]) -> bool:
    ledger = read(out)
    listed = {attempt.file for attempt in ledger.attempts}
    return pictures(out) == whole and not ledger.crashes and listed == set(whole)


def main(kills: int, jobs: int) -> int:
    chance = random.Random(0)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        scene = write_scene(Path(scratch) / "s.yaml", seed=0, count=jobs)
        assert render(scene, Path(scratch) / "whole", "--processes", "0").wait() == 0
        whole = pictures(Path(scratch) / "whole")
        batches, unsound, done, out = 0, 0, 0, Path(scratch) / "out-0"
        while done < kills:
            process = render(scene, out, "--processes", chance.choice("12"))
            try:
                process.wait(timeout=chance.uniform(0.5, LONGEST))
            except subprocess.TimeoutExpired:
                chance.choice((os.kill, os.killpg))(process.pid, signal.SIGKILL)
                process.wait()
                done += 1
            if process.returncode == 0 or done == kills:
                code = render(scene, out, "--processes", "2").wait()
                batches, unsound = batches + 1, unsound + (code != 0 or not is_sound(out, whole))
                out = Path(scratch) / f"out-{batches}"
    seconds = round(time.monotonic() - begin)
    result = {"benchmark": "kills", "kills": done, "jobs": jobs, "batches": batches, "unsound": unsound}
    sys.stdout.write(json.dumps({**result, "seconds": seconds}) + "\n")
    return 1 if unsound else 0


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*numbers, *(200, 400)[len(numbers) :]))
