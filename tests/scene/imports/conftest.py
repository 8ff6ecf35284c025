"""Importing data from the folder with good references, and reading what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.scene import Scene


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def importing(here: Path, contextgen: Callable[..., Any]) -> Callable[..., Any]:
    """Write data as a file and import it into `got`; text as it is, anything else as JSON."""

    def run(data: object, *options: str, name: str = "data.json") -> Any:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(data if isinstance(data, str) else json.dumps(data))
        return contextgen("import", name, "-o", "got", *options)

    return run


@pytest.fixture
def got(here: Path) -> Callable[[], list[Scene]]:
    """The scenes that were written, each picture of theirs decoded; that they validate is part of the bargain."""

    def read() -> list[Scene]:
        loaded = load(["got"], LoadOptions(deep=True))
        assert [problem.message for problem in loaded.errors] == []
        return list(loaded.scenes)

    return read
