"""docs/python.md: its sessions run from top to bottom, in one folder, as a notebook's cells do."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "python.md"


def test_the_sessions_run_as_they_stand_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contextgen: Callable[..., Any]
) -> None:
    (tmp_path / "scenes").symlink_to(REPOSITORY / "scenes")
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 20
    assert found.failed == 0
    assert contextgen("inspect", "pictures/two-subjects-2.png").code == 0
    done = contextgen("render", "scenes/two-subjects.yaml", "--seed", 2, "-o", "pictures")
    assert "1 skipped" in done.err
