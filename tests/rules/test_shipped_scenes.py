"""Every shipped scene is valid to the last warning, teaches in its first lines, and renders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sources import REPOSITORY

from contextgen_cli import cli
from contextgen_cli.errors import EXIT_DONE

SCENES = sorted((REPOSITORY / "scenes").glob("*.yaml"))
TINY = REPOSITORY / "tests" / "golden" / "tiny-kontext"
FIRST_LINE = "# yaml-language-server: $schema=../schemas/scene.schema.json"
LARGEST_PICTURE = 60_000

every_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.stem)


@every_scene
def test_is_valid_without_a_warning(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(["validate", "--deep", "--strict", "--confine", str(scene)])
    assert code == EXIT_DONE, capsys.readouterr().err


@every_scene
def test_begins_with_its_schema_and_its_lesson(scene: Path) -> None:
    schema, lesson = scene.read_text("utf-8").splitlines()[:2]
    assert schema == FIRST_LINE
    assert lesson.startswith("# ")
    assert scene.name in (REPOSITORY / "scenes" / "README.md").read_text("utf-8")


def test_all_render(contextgen: Callable[..., Any], tmp_path: Path) -> None:
    """One run, as a user would start it: the model loads once."""
    model = ("--model", TINY, "--adapter", TINY / "adapter", "--device", "cpu", "--dtype", "float32")
    done = contextgen("render", *SCENES, *model, "--size", "128x128", "--steps", 1, "--processes", 0, "-o", tmp_path)
    assert done.code == EXIT_DONE, done.err
    pictures = [Path(line) for line in done.lines]
    assert {Image.open(picture).size for picture in pictures} == {(128, 128)}
    for scene in SCENES:
        assert [picture for picture in pictures if picture.name.startswith(scene.stem)], scene


def test_references_stay_small() -> None:
    pictures = [path for path in (REPOSITORY / "scenes").rglob("*") if path.suffix in (".png", ".jpg", ".webp")]
    assert pictures
    assert not [path.name for path in pictures if path.stat().st_size > LARGEST_PICTURE]
