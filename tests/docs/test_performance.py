"""docs/performance.md shows the figures that are kept, and no others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import tables

    yield tables
    sys.modules.pop("tables")


def test_the_page_is_filled_from_the_results(tables) -> None:
    page = tables.PAGE.read_text("utf-8")
    assert tables.filled(page) == page


def test_every_script_is_there_and_explained(tables) -> None:
    explained = (BENCHMARKS / "README.md").read_text("utf-8")
    for name in tables.SCRIPTS:
        script = f"{name.removesuffix(tables.ON_GPU)}.py"
        assert (BENCHMARKS / script).is_file()
        assert f"`{script}`" in explained


def test_the_machine_is_told_without_its_name(tables) -> None:
    import platform

    told = tables.machine.describe()
    assert "cores" in told["machine"]
    assert platform.node() not in told.values()
