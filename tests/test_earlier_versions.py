"""Pictures and ledgers of earlier versions stay valid: skipped, replayed, reported (tests/earlier/README.md)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from painting import TINY_ADAPTER, TINY_MODEL

EARLIER = Path(__file__).parent / "earlier"
MODEL = ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu")
OPTIONS = {
    ("plain", "stretch", "image", "own-layout", "square", "matrix"): (),
    ("masked",): ("--attention", "masked", "--ica", "paper"),
    ("taylor",): ("--cache-steps", "taylor"),
    ("reuse",): ("--reuse-references", "2", "--dtype", "bfloat16"),
}
MOVED = {"square-7"}  # a quotient of areas that is rounded as released puts the subject a pixel aside


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return shutil.copytree(EARLIER, tmp_path / "earlier")


def test_every_picture_is_skipped_and_what_failed_stays_set_aside(contextgen: Callable[..., Any], place: Path) -> None:
    before = {path.name: path.read_bytes() for path in (place / "pictures").iterdir()}
    skipped = 0
    for names, options in OPTIONS.items():
        scenes = [place / "scenes" / f"{name}.yaml" for name in names]
        *jobs, summary = contextgen("render", *scenes, *MODEL, *options, "-o", place / "pictures", "--json").records
        assert {job["status"] for job in jobs} == {"skipped"}
        skipped += summary["skipped"]
    assert skipped == len(list((place / "pictures").glob("*.png"))) == 10
    failed = contextgen("render", place / "scenes" / "failed.yaml", *MODEL, "-o", place / "pictures", "--json")
    (job, _), code = failed.records, failed.code
    assert (job["status"], job["earlier"], job["error"]["class"], code) == ("failed", True, "OutOfMemory", 1)
    assert {path.name: path.read_bytes() for path in (place / "pictures").glob("*.png")}.items() <= before.items()


def test_every_picture_is_replayed_within_a_level(contextgen: Callable[..., Any], place: Path) -> None:
    pictures = sorted((place / "pictures").glob("*.png"))
    again = contextgen("replay", *pictures, *MODEL, "--inputs", place / "scenes", "-o", place / "again", "--json")
    *replays, summary = again.records
    assert summary["pictures"] == len(replays) == 10 and summary["failed"] == 0
    for replay in replays:
        if Path(replay["picture"]).stem in MOVED:
            assert not replay["same_pixels"]  # a random model lets every pixel see it
        else:
            assert replay["same_pixels"] or replay["largest"] <= 1, replay


def test_every_picture_and_the_failure_are_reported(contextgen: Callable[..., Any], place: Path) -> None:
    assert contextgen("report", place / "pictures").code == 0
    page = (place / "pictures" / "report.html").read_text("utf-8")
    for picture in (place / "pictures").glob("*.png"):
        assert picture.stem in page
    assert "not enough device memory for this picture" in page and "cache-steps=taylor" in page
