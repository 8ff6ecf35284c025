"""What several parts of the tests share: the tiny real model, and a scene to paint with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from contextgen_cli import cli, console

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tiny model gains nothing from threads, and tests run side by side

GOLDEN = Path(__file__).parent / "golden"
TINY_MODEL = GOLDEN / "tiny-kontext"
TINY_ADAPTER = TINY_MODEL / "adapter"


@dataclass(frozen=True)
class Result:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings of the machine's reach a test, and no network does."""
    for name in [name for name in os.environ if name.startswith("CONTEXTGEN_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    yield
    console.configure()


@pytest.fixture
def contextgen(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command line in this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def tiny() -> tuple[object, ...]:
    """The options that paint with the tiny model, small and quickly."""
    return ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu", "--steps", 1)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene file of two subjects on a small canvas, with its references beside it."""
    return write_scene(tmp_path / "picnic.yaml")


def write_scene(path: Path, **changes: Any) -> Path:
    """Write a scene file and its references; `changes` replace keys of it."""
    references = path.parent / "refs"
    references.mkdir(parents=True, exist_ok=True)
    for name, colour in (("crab", "#c03020"), ("bag", "#805020")):
        if not (references / f"{name}.png").exists():
            draw_reference(references / f"{name}.png", colour)
    content = {
        "version": 1,
        "prompt": "a crab is holding a bag",
        "canvas": {"width": 128, "height": 96},
        "references": {"crab": {"image": "refs/crab.png"}, "bag": {"image": "refs/bag.png"}},
        "instances": [
            {"reference": "bag", "box": {"x": 8, "y": 16, "width": 56, "height": 64}},
            {"reference": "crab", "box": {"left": "50%", "top": "25%", "right": "94%", "bottom": "88%"}},
        ],
        **changes,
    }
    path.write_text(json.dumps(content, indent=1))  # JSON is YAML
    return path


def draw_reference(path: Path, colour: str) -> None:
    picture = Image.new("RGBA", (120, 100))
    ImageDraw.Draw(picture).ellipse((8, 8, 112, 92), fill=colour)
    picture.save(path)
