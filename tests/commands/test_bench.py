"""`contextgen bench synthetic` through the command line, with the tiny real model, which was never trained."""

from __future__ import annotations

import json

import pytest
from painting import TINY_ADAPTER, TINY_MODEL
from PIL import Image

from contextgen_cli.app.bench import Asked

TINY = ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu")
QUICKLY = ("--steps", 1, "--level", "plain", "--scenes", 1)


def test_quick_measures_a_model_and_writes_valid_files(contextgen, tmp_path):
    less = ("--scenes", 2, "--steps", 1)  # what is named beats --quick
    result = contextgen("bench", "synthetic", *TINY, "--quick", *less, "-o", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    *found, summary = result.records
    assert {record["type"] for record in found} == {"row"}
    assert [record["level"] for record in found] == ["plain"] * 5 + ["silhouette"] * 5
    assert all(record["scenes"] == 2 for record in found)
    assert found[0]["answer"] == summary["model"]["name"] == "tiny-kontext"
    assert found[0]["instance_success"]["share"] < 0.2
    assert found[0]["seconds"] > 0
    assert {key: summary[key] for key in ("type", "steps", "pictures", "exit")} == {
        "type": "summary",
        "steps": 1,
        "pictures": 20,
        "exit": 0,
    }
    written = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert written["rows"] == [{key: record[key] for key in record if key != "type"} for record in found]
    assert written["model"] == summary["model"]
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.size == (3 * 784 - 12, 2 * 268 - 12)


def test_quick_is_little_and_what_is_named_beats_it():
    quick, usual = (Asked((), None, None, (), quick).trial("synthetic").extent for quick in (True, False))
    assert (quick.levels, quick.scenes, quick.steps) == (("plain", "silhouette"), 16, 6)
    assert set(quick.levels) < set(usual.levels) and (usual.scenes, usual.steps) == (200, None)
    named = Asked(("absent",), 3, 2, (), True).trial("synthetic").extent
    assert (named.levels, named.scenes, named.steps) == (("absent",), 3, 2)


def test_a_table_a_level_for_a_person(contextgen):
    small = ("--level", "absent", "--level", "flexible", "--scenes", 2, "--steps", 1, "--ablation", "no-ica")
    result = contextgen("bench", "synthetic", *TINY, *small)
    assert result.code == 0
    assert [line.split(":")[0] for line in result.lines if " scenes, " in line] == ["absent", "flexible"]
    assert [line.split()[0] for line in result.lines[2:8]] == [
        "tiny-kontext",
        "no-ica",
        "truth",
        "codec",
        "layout",
        "pasted",
    ]
    assert "I-SR %" in result.lines[1]
    assert "[24/24] pictures" in result.err


def test_the_figures_are_the_same_every_time(contextgen):
    first, second = (contextgen("bench", "synthetic", *TINY, *QUICKLY, "--json").records[:-1] for _ in range(2))
    for record in (*first, *second):
        record.pop("seconds")
    assert first == second


def test_the_default_is_the_embedded_model(contextgen):
    *found, summary = contextgen("bench", "synthetic", *QUICKLY, "--json").records
    assert (summary["model"]["name"], summary["exit"]) == ("mini", 0)
    assert found[0]["answer"] == "mini"


def test_figures_of_another_run_are_not_overwritten(contextgen, tmp_path):
    (tmp_path / "figures.json").write_text("{}")
    result = contextgen("bench", "synthetic", "-o", tmp_path)
    assert result.code == 2
    assert "figures.json is there already" in result.err


def test_a_model_that_is_not_there_is_said_to_be_missing(contextgen, tmp_path):
    assert contextgen("bench", "synthetic", "--quick", "--model", tmp_path).code == 3


@pytest.mark.parametrize("typed", [["--level", "easy"], ["--ablation", "no-luck"], ["--scenes", "0"]])
def test_what_cannot_be_measured_is_refused(contextgen, typed):
    assert contextgen("bench", "synthetic", *typed).code == 2
