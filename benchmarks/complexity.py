"""How a step's time grows with references and canvas area, fitted to the figures of `attention.py`, and drawn.

`python benchmarks/complexity.py [--figures FILE] [--plot FILE]` reads benchmarks/results/attention.jsonl, writes
docs/images/complexity.svg and a JSON line for each fit. The time at one canvas is a + b n + c n² in the number n of
references, that at one n the same in the canvas area; `curved` is the share of the quadratic term at the largest n or
area that was measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "results" / "attention.jsonl"
PLOT = ROOT / "docs" / "images" / "complexity.svg"
KINDS = {"masked": "#b04030", "exact": "#2060a0"}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 360, 60, 40, 30


def figures(file: Path, dtype: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.is_file() else []
    return [line for line in lines if line.get("dtype") == dtype]


def fits(measured: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Seconds against references at each canvas, and against megapixels at each number of references."""
    for fixed, varied, unit in (("canvas", "references", 1), ("references", "canvas", 1e6)):
        for value in sorted({line[fixed] for line in measured}):
            lines = [line for line in measured if line[fixed] == value]
            x = np.array([line[varied] if varied == "references" else line[varied] ** 2 / unit for line in lines])
            if len(x) < 3:
                continue
            for kind in KINDS:
                seconds = np.array([line[f"{kind}_seconds"] for line in lines])
                c, b, a = np.polyfit(x, seconds, 2)
                against = "references" if varied == "references" else "megapixels"
                yield {
                    "attention": kind,
                    "at": f"{value} px" if fixed == "canvas" else f"{value} references",
                    "against": against,
                    "seconds": f"{a:.2f} {b:+.2f} x {c:+.3f} x²",
                    "curved": round(float(c * x.max() ** 2 / seconds[x.argmax()]), 2),
                }


def plot(measured: Sequence[dict[str, Any]]) -> str:
    """Seconds a step against references, a line for each attention and canvas."""
    largest = max(line["masked_seconds"] for line in measured)
    most = max(line["references"] for line in measured)

    def point(references: float, seconds: float) -> tuple[float, float]:
        x = LEFT + references / most * (WIDTH - LEFT - 80)
        return round(x, 1), round(HEIGHT - BOTTOM - seconds / largest * (HEIGHT - BOTTOM - TOP), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18">seconds a denoising step, by number of references</text>',
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 70}" fill="none" stroke="#888"/>',
    ]
    for references in range(most + 1):
        x, y = point(references, 0)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle" fill="#444">{references}</text>')
    for share in (0.25, 0.5, 0.75, 1.0):
        _, y = point(0, largest * share)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" fill="#444">{largest * share:.3g}</text>')
    for kind, colour in KINDS.items():
        for canvas in sorted({line["canvas"] for line in measured}):
            lines = sorted((line for line in measured if line["canvas"] == canvas), key=lambda line: line["references"])
            points = [point(line["references"], line[f"{kind}_seconds"]) for line in lines]
            path = " ".join(f"{x},{y}" for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
            x, y = points[-1]
            parts.append(f'<text x="{x + 8}" y="{y + 4}" fill="{colour}">{kind}, {canvas}</text>')
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--plot", type=Path, default=PLOT)
    asked = parser.parse_args()
    measured = figures(asked.figures, "float32") or figures(asked.figures, "bfloat16")
    if not measured:
        raise SystemExit("no figures yet: python benchmarks/tables.py --measure attention")
    asked.plot.write_text(plot(measured), "utf-8")
    for line in fits(measured):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
