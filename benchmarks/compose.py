"""Times `contextgen compose` end to end, start-up included: a 1024 px scene with eight references.

`python benchmarks/compose.py [RUNS]` writes one JSON line.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REFS = Path(__file__).parents[1] / "scenes" / "refs"
SUBJECTS = ("mushroom", "sailboat", "cactus", "lantern", "teapot", "handbag", "fox", "crab")
COMPOSE = [sys.executable, "-m", "contextgen_cli", "compose"]


def scene() -> dict[str, object]:
    """Two rows of four boxes on a square canvas, each overlapping its neighbours a little."""
    return {
        "version": 1,
        "prompt": "Eight toys on a shelf.",
        "canvas": {"width": 1024, "height": 1024},
        "references": {name: _reference(name) for name in SUBJECTS},
        "instances": [
            {
                "reference": name,
                "box": {"x": k % 4 * 240, "y": k // 4 * 480 + 32, "width": 272, "height": 448},
            }
            for k, name in enumerate(SUBJECTS)
        ],
    }


def _reference(name: str) -> dict[str, str]:
    if (cutout := REFS / f"{name}.png").exists():
        return {"image": str(cutout)}
    return {"image": str(REFS / f"{name}.jpg"), "mask": str(REFS / f"{name}_mask.png")}


def seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shelf.json"
        path.write_text(json.dumps(scene()), encoding="utf-8")
        compose = [*COMPOSE, str(path), "-o", str(Path(folder) / "layout.png")]
        seconds(compose)  # the first run fills the disk cache
        whole = [seconds(compose) for _ in range(runs)]
        startup = [seconds([*COMPOSE, "--help"]) for _ in range(runs)]
    result = {
        "benchmark": "compose",
        "runs": runs,
        "median_seconds": round(statistics.median(whole), 3),
        "fastest_seconds": round(min(whole), 3),
        "startup_median_seconds": round(statistics.median(startup), 3),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
