"""The curves of a run, as pixels."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image

from contextgen.training.curves import draw

LINE = (179, 38, 30)


def write(folder, losses, **more):
    steps = ({"step": step, "stage": "sft", "loss": loss} for step, loss in enumerate(losses, start=1))
    lines = [json.dumps({**step, "gradient_norm": 1.0, "learning_rate": 0.001, **more}) for step in steps]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def heights(file):
    """Where the line of the uppermost panel begins and ends, in rows from the top."""
    with Image.open(file) as picture:
        panel = picture.convert("RGB").crop((0, 0, picture.width, picture.height // 3))
    found = [(x, y) for x in range(panel.width) for y in range(panel.height) if panel.getpixel((x, y)) == LINE]
    return min(found)[1], max(found)[1]


@pytest.mark.parametrize(("losses", "falls"), [([4, 3, 2, 1], True), ([0.01, 0.1, 1, 10], False)])
def test_a_loss_that_falls_is_drawn_falling(tmp_path, losses, falls):
    write(tmp_path, losses)
    begin, end = heights(draw(tmp_path))
    assert (begin < end) is falls and begin != end


@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0], [-1.0, 2.0], [5.0] * 3000])
def test_odd_figures_are_drawn_too(tmp_path, losses):
    write(tmp_path, losses)
    assert draw(tmp_path).is_file()


def test_lines_that_are_no_figures_are_passed_over(tmp_path):
    write(tmp_path, [2, 1])
    others = ({"loss": float("nan"), "gradient_norm": 1, "learning_rate": 1, "step": 3}, [], 7, {"step": 10**400})
    with (tmp_path / "metrics.jsonl").open("ab") as metrics:
        metrics.write("".join(f"{json.dumps(other)}\n" for other in others).encode() + b'\xff\n{"step": 4, "lo')
    assert draw(tmp_path).is_file()


def test_a_run_without_a_step_has_no_curves(tmp_path):
    assert draw(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_curves_that_hold_every_step_are_not_drawn_again(tmp_path):
    write(tmp_path, [2, 1])
    drawn = draw(tmp_path)
    assert draw(tmp_path) is None
    os.utime(drawn, ns=(0, 0))
    assert draw(tmp_path) == drawn
