"""`contextgen data synth`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from contextgen.data.imig.imig_dataset import ImigFolders
from contextgen.data.objects import is_held_out


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_a_set_that_the_loader_reads(contextgen, tmp_path):
    result = contextgen("data", "synth", "-o", tmp_path / "set", "--scenes", 3, "--size", "128x96")
    assert (result.code, result.lines) == (0, [str(tmp_path / "set")])
    examples = ImigFolders([(tmp_path / "set", 1)], 0, 128, 96).batch(0, 3)
    assert {example.target.size for example in examples} == {(128, 96)}


def test_the_same_seed_writes_the_same_bytes(contextgen, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert contextgen("data", "synth", "-o", tmp_path / name, "--scenes", 2, "--seed", seed).code == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "c")


@pytest.mark.parametrize(("split", "expected"), [("train", False), ("held-out", True)])
def test_a_split_holds_its_own_objects_only(contextgen, tmp_path, split, expected):
    contextgen("data", "synth", "-o", tmp_path / "set", "--scenes", 6, "--split", split, "--size", "128x128")
    records = json.loads((tmp_path / "set/filtered_prompts.json").read_text("utf-8"))
    nouns = [noun for record in records for noun in record["nouns"] if not noun.endswith(" shape")]
    assert nouns
    assert {is_held_out(noun) for noun in nouns} == {expected}


def test_json_ends_in_a_summary(contextgen, tmp_path):
    result = contextgen("data", "synth", "-o", tmp_path / "set", "--scenes", 1, "--json", "--progress", "json")
    assert result.records == [{"type": "summary", "scenes": 1, "path": str(tmp_path / "set"), "exit": 0}]
    assert json.loads(result.err.splitlines()[-1])["done"] == 1


def test_a_folder_with_files_is_refused_and_an_empty_one_taken(contextgen, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    assert contextgen("data", "synth", "-o", folder, "--scenes", 1).code == 0
    before = files(folder)
    result = contextgen("data", "synth", "-o", folder, "--scenes", 1, "--seed", 5)
    assert result.code == 2
    assert "holds files already" in result.err
    assert "Name a new or an empty folder" in result.err
    assert files(folder) == before


def test_nothing_is_left_behind_where_writing_fails(contextgen, tmp_path, monkeypatch):
    from contextgen.data.imig import imig_writing

    def full(image):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imig_writing, "_png", full)
    result = contextgen("data", "synth", "-o", tmp_path / "set", "--scenes", 2)
    assert result.code == 3
    assert "the disk is full" in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_canvas_that_is_too_large_is_refused(contextgen, tmp_path):
    result = contextgen("data", "synth", "-o", tmp_path / "set", "--scenes", 1, "--size", "768x768")
    assert result.code == 2
    assert "64 to 384 pixels" in result.err
    assert not (tmp_path / "set").exists()


def test_the_help_fits_sixty_columns(contextgen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    result = contextgen("data", "synth", "--help")
    assert "contextgen data synth -o" in result.out.split("Examples:")[1]
    assert [line for line in result.lines if len(line) > 60] == []


def test_it_imports_no_torch(tmp_path):
    script = (
        "import sys; from contextgen_cli.cli import run;"
        f" run(['data', 'synth', '-o', {str(tmp_path / 'set')!r}, '--scenes', '1']);"
        " sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
