"""`render --ablation`: another job and another picture, which remembers what was switched off."""

from __future__ import annotations

import pytest
from PIL import Image

from contextgen_cli.models.numerics import ABLATIONS
from contextgen_cli.records.picture_file import read_record


@pytest.fixture
def whole(contextgen, tiny, scene, tmp_path):
    """The picture of the whole method."""
    assert contextgen("render", scene, *tiny, "-o", tmp_path / "whole").code == 0
    return tmp_path / "whole" / "picnic-0.png"


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_an_ablation_is_painted_recorded_and_replayed(ablation, contextgen, tiny, scene, whole, tmp_path):
    out = tmp_path / "out"
    assert contextgen("render", scene, *tiny, "-o", out, "--ablation", ablation).code == 0
    picture = out / "picnic-0.png"
    record, before = read_record(picture), read_record(whole)
    assert (record["ablation"], "ablation" in before) == (ablation, False)
    assert record["job"] != before["job"]
    assert Image.open(picture).tobytes() != Image.open(whole).tobytes()
    assert f"ablation {ablation}" in contextgen("inspect", picture).out
    _, model, _, adapter, *_ = tiny
    replayed = contextgen("replay", picture, "--model", model, "--adapter", adapter, "-o", tmp_path / "again")
    assert (replayed.code, "the same bytes" in replayed.out) == (0, True)


def test_the_report_shows_it(contextgen, tiny, scene, tmp_path):
    out = tmp_path / "out"
    assert contextgen("render", scene, *tiny, "-o", out, "--ablation", "no-ica").code == 0
    assert contextgen("report", out).code == 0
    assert "ablation no-ica" in (out / "report.html").read_text("utf-8")


def test_the_whole_method_beside_it_is_another_job(contextgen, tiny, scene, tmp_path):
    out = tmp_path / "out"
    for options in ((), ("--ablation", "no-layout"), (), ("--ablation", "no-layout")):
        done = contextgen("render", scene, *tiny, "-o", out, *options)
        assert done.code == 0
    assert "1 skipped" in done.err
    assert len(list(out.glob("*.png"))) + len(list(out.rglob(".contextgen/**/*.png"))) == 2


def test_an_ablation_changes_what_a_picture_costs(contextgen, tiny, scene):
    costs = {}
    for ablation in ("no-ica", "ica-everywhere"):
        *_, summary = contextgen("render", scene, *tiny, "--ablation", ablation, "--dry-run", "--json").records
        costs[ablation] = summary["tflop"]
    assert costs["no-ica"] < costs["ica-everywhere"]


def test_an_unknown_one_is_refused_with_those_there_are(contextgen, tiny, scene):
    refused = contextgen("render", scene, *tiny, "--ablation", "no-luck")
    assert refused.code == 2
    assert all(name in refused.err for name in ABLATIONS)
