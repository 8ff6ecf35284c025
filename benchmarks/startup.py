"""Seconds until a command is done, as a user starts it, against importing the same libraries and doing nothing.

`python benchmarks/startup.py [--runs 5]` writes a JSON line for each command. The first picture is `mini`'s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCENE = str(Path(__file__).parents[1] / "scenes" / "two-subjects.yaml")
COMMANDS = {
    "--help": ["--help"],
    "validate": ["validate", SCENE],
    "compose": ["compose", SCENE, "-o", "{folder}/layout.png"],
    "render, first picture": ["render", SCENE, "--count", "1", "--fresh", "-o", "{folder}/out"],
}
LIBRARIES = {
    "--help": "import click",
    "validate": "import click, yaml, jsonschema, PIL.Image",
    "compose": "import click, yaml, jsonschema, PIL.Image, numpy",
    "render, first picture": "import torch; from diffusers import FluxKontextPipeline; "
    "from transformers import CLIPTextModel, T5EncoderModel, PreTrainedTokenizerBase",
}


def seconds(command: list[str], runs: int) -> float:
    """Median of several runs; one before them fills the disk cache."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in COMMANDS.items():
            words = [word.format(folder=folder) for word in arguments]
            line = {
                "command": name,
                "seconds": round(seconds([sys.executable, "-m", "contextgen_cli", *words], asked.runs), 2),
                "libraries_alone": round(seconds([sys.executable, "-c", LIBRARIES[name]], asked.runs), 2),
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
