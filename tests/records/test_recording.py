"""What a picture remembers, held against what it remembered before."""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import paint

from contextgen_cli.batch.plan import job_record
from contextgen_cli.records.recording import changes


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({}, {}, []),
        ({"softened": 2}, {}, ["softened 2 -> None"]),  # a choice of a family is left out at its default
        ({}, {"softened": 2}, ["softened None -> 2"]),
        ({"attention": "masked"}, {}, ["attention masked -> exact"]),
        ({"approximations": "quantize=int8"}, {}, ["approximated quantize=int8 -> nothing"]),
        ({}, {"compiled": True}, ["compiled"]),
    ],
)
def test_how_it_was_computed_is_told_both_ways(tmp_path: Path, before, now, told) -> None:
    record = job_record(paint(tmp_path, "a"))
    assert changes({**record, **before}, {**record, **now}) == told
