"""Tables within the width of a terminal: words stay whole, at 60 columns too."""

from __future__ import annotations

import re

import pytest
from painting import TINY_ADAPTER, TINY_MODEL, write_scene

from contextgen_cli.terminal import table_layout

METRICS = ("answer", "I-SR %", "SR %", "mIoU", "ground %", "PSNR in/out", "SSIM in/out", "s")
MEASURED = ("tiny-kontext", "98.1 ±4", "77.0 ±12", "0.813", "98.0 ±3", "19.41 24.33", "0.713 0.822", "3.31")
PLANNED = ("a-long-name-of-a-scene-0", "1024x1024", "28", "12345", "1,234", "37.7 GiB", "set aside", "where=a wood")
PLAN = ("picture", "size", "steps", "tokens", "TFLOP", "memory", "state", "matrix")


@pytest.mark.parametrize(
    ("columns", "row", "yielding"), [(METRICS, MEASURED, ()), (PLAN, PLANNED, ("picture", "matrix"))]
)
@pytest.mark.parametrize("room", [20, 60, 70, 80, 100, 1000])
def test_no_column_that_does_not_yield_breaks_a_word(columns, row, yielding, room):
    widths = table_layout.widths(columns, [row], yielding, room)
    if widths is None:
        lines = table_layout.stacked(columns, row, room).split("\n")
        assert lines[0] == row[0]
        assert max(map(len, lines)) <= max(room, 40)
        return
    assert sum(widths) + 2 * (len(widths) - 1) <= room
    for name, cell, width in zip(columns, row, widths, strict=True):
        assert name in yielding or width >= max(map(len, f"{name} {cell}".split()))


def test_a_table_that_has_room_is_as_wide_as_its_words():
    assert table_layout.widths(("a", "bb"), [("xyz", "1")], (), 60) == [3, 2]


def test_narrow_rows_stand_by_themselves():
    assert table_layout.widths(METRICS, [MEASURED], (), 60) is None
    assert table_layout.stacked(METRICS, MEASURED, 60) == (
        "tiny-kontext\n"
        "  I-SR % 98.1 ±4, SR % 77.0 ±12, mIoU 0.813,\n"
        "  ground % 98.0 ±3, PSNR in/out 19.41 24.33,\n"
        "  SSIM in/out 0.713 0.822, s 3.31"
    )


@pytest.mark.parametrize("columns", [60, 80])
def test_what_bench_tells_fits_a_narrow_terminal(on_a_terminal, columns):
    model = ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu", "--progress", "none")
    quickly = ("--steps", 1, "--level", "plain", "--scenes", 1)
    code, written = on_a_terminal("bench", "synthetic", *model, *quickly, columns=columns)
    assert code == 0
    shown = _lines(written)
    assert max(map(len, shown)) <= columns
    assert "tiny-kontext" in written and len(re.findall("in/out", written)) >= 2


@pytest.mark.parametrize(
    "typed", ["models", "doctor", "render {scene} --dry-run", "render {scene} --dry-run --count 3"]
)
def test_other_lists_fit_a_narrow_terminal(on_a_terminal, tmp_path, typed):
    path = write_scene(tmp_path / "a-scene-of-a-name-that-is-rather-long-for-a-narrow-terminal.yaml", model="mini")
    code, written = on_a_terminal(*(str(path) if part == "{scene}" else part for part in typed.split()))
    assert code == 0
    long = [line for line in _lines(written) if len(line) > 60]
    assert all(len(line.split()) == 1 for line in long), long


def _lines(written):
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip() for line in written.split("\r\n")]
