"""Puts measured figures into docs/model-card.md: `python benchmarks/card.py FIGURES...`.

FIGURES are folders that `contextgen bench synthetic -o` wrote; the table between the card's two marks is replaced by
theirs, level by level.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

CARD = Path(__file__).parents[1] / "docs" / "model-card.md"
BEGIN, END = "<!-- figures: benchmarks/card.py -->", "<!-- end of figures -->"
LEVELS = {
    "plain": "plain",
    "complex": "complex",
    "flexible": "flexible",
    "blurred": "plain, layout blurred six-fold",
    "silhouette": "plain, layout of silhouettes",
    "absent": "plain, empty layout",
}
ANSWERS = {
    "no-ica": "without ICA",
    "ica-everywhere": "ICA in every block",
    "no-layout": "without layout",
    "no-offsets": "without position offsets",
    "codec": "truth through the codec",
    "layout": "the layout image itself",
    "pasted layout": "layout on the right background",
}
HINTED = ("blurred", "silhouette", "absent")
SAME_EVERYWHERE = ("truth", "codec")  # told once: the hinted levels are the plain scenes again
HEAD = """\
| scenes | answer | I-SR % | SR % | mIoU | background % | PSNR in, outside boxes | SSIM in, outside |
|---|---|---|---|---|---|---|---|"""


def table(rows: list[dict[str, Any]]) -> str:
    lines = [HEAD]
    for level, words in LEVELS.items():
        told: dict[str, int] = {}
        for row in (row for row in rows if row["level"] == level):
            again = row["answer"] in told or (level in HINTED and row["answer"] in SAME_EVERYWHERE)
            if not again:
                lines.append(
                    line("" if told else f"{words} ({size(row)})", row, next(iter(told.values()), row["scenes"]))
                )
                told[row["answer"]] = row["scenes"]
    return "\n".join(lines)


def size(row: dict[str, Any]) -> str:
    return f"{row['scenes']} scenes, {row['instance_success']['count']} objects"


def line(level: str, row: dict[str, Any], scenes: int) -> str:
    painted = row["seconds"] is not None
    answer = ANSWERS.get(row["answer"], row["answer"])
    if row["scenes"] != scenes:
        answer += f" (the first {size(row)})"
    cells = [
        level,
        f"**{answer}**" if painted and row["answer"] not in ANSWERS else answer,
        per_cent(row["instance_success"]),
        per_cent(row["scene_success"]),
        f"{row['overlap']:.2f}",
        per_cent(row["background"]),
        ", ".join(decibels(row[f"psnr_{where}"]) for where in ("boxes", "outside")),
        ", ".join(f"{row[f'ssim_{where}']:.2f}" for where in ("boxes", "outside")),
    ]
    return f"| {' | '.join(cells)} |"


def per_cent(rate: dict[str, float]) -> str:
    reach = max(rate["high"] - rate["share"], rate["share"] - rate["low"])
    return f"{100 * rate['share']:.1f} ± {100 * reach:.0f}"


def decibels(value: float) -> str:
    return "" if value >= 99 else f"{value:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="+", type=Path, metavar="FIGURES")
    rows = [
        row
        for folder in parser.parse_args().figures
        for row in json.loads((folder / "figures.json").read_text(encoding="utf-8"))["rows"]
    ]
    card = CARD.read_text(encoding="utf-8")
    before, rest = card.split(BEGIN)
    _, after = rest.split(END)
    CARD.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
