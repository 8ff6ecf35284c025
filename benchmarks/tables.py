"""Writes docs/performance.md's figures: `python benchmarks/tables.py` measures everything and fills the page.

`--measure attention memory` measures only these anew, `--measure` alone nothing: the page is filled from
benchmarks/results, a file of JSON lines for each table. On a GPU only the tables whose names end in `-gpu` are
measured, elsewhere only the others. Measure on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import machine
import torch

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
SCRIPTS: dict[str, list[str]] = {  # the calls of each, in this order: the fits read the figures of attention
    "attention": [
        "--dtype float32 --canvas 512 768",
        "--dtype float32 --canvas 1024 --runs 1",
        "--dtype bfloat16 --canvas 512 --references 2 4 --runs 1",
    ],
    "complexity": [""],
    "parallel": [""],
    "modulation": [""],
    "memory": ["--canvas 256 512"],
    "throughput": [""],
    "threads": [""],
    "startup": [""],
    "approximate": ["", "--steps 28"],
    "attention-gpu": [
        "--dtype bfloat16 --canvas 768 --kernels native _native_cudnn",
        "--dtype bfloat16 --canvas 1024 --references 4 8 --runs 2 --kernels native _native_cudnn",
    ],
    "memory-gpu": ["--flux --canvas 768 --scene scenes/many.yaml"],
}
ON_GPU = "-gpu"


def measure(name: str) -> None:
    """Run the script of a table and keep its lines, the machine's first."""
    script = name.removesuffix(ON_GPU)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "model")])}
    lines = []
    for arguments in SCRIPTS[name]:
        command = [sys.executable, str(ROOT / "benchmarks" / f"{script}.py"), *arguments.split()]
        done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        lines += [line for line in done.stdout.splitlines() if line.startswith("{")]
    where = machine.describe("cpu" if name == script else "cuda")
    (RESULTS / f"{name}.jsonl").write_text("\n".join([json.dumps(where), *lines]) + "\n", "utf-8")


def table(name: str) -> str:
    """The figures of a table as Markdown, or that there are none."""
    file = RESULTS / f"{name}.jsonl"
    if not file.is_file():
        return "*Not measured yet.*"
    where, *lines = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    heads = list(lines[0])
    words = [head.replace("_", " ") for head in heads]
    rows = [words, ["---"] * len(heads), *([str(line[head]) for head in heads] for line in lines)]
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    picture = f"![Seconds a step by number of references](images/{name}.svg)\n\n" if name == "complexity" else ""
    return f"{picture}On {where['machine']}; torch {where['torch']}, Python {where['python']}.\n\n{body}"


def filled(page: str) -> str:
    """The page with the figures between its markers."""
    for name in SCRIPTS:
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
        text = f"{begin}\n{table(name)}\n{end}"
        page, found = re.subn(pattern, lambda _, text=text: text, page, flags=re.DOTALL)
        assert found == 1, f"{PAGE.name} has no place for {name}"
    return page


def main(arguments: Sequence[str] | None = None) -> None:
    at_hand = [name for name in SCRIPTS if name.endswith(ON_GPU) == torch.cuda.is_available()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", choices=SCRIPTS, default=at_hand, metavar="TABLE")
    asked = parser.parse_args(arguments)
    RESULTS.mkdir(exist_ok=True)
    for name in SCRIPTS:
        if name in asked.measure:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            measure(name)
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
