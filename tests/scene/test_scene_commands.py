"""`validate`, `schema` and `init` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from good_scene import GOOD
from PIL import Image

from contextgen_cli.cli import run
from contextgen_cli.scene.loader import LoadOptions, load

BAD = GOOD.replace("256", "250")


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text(BAD)
    return folder


Captured = pytest.CaptureFixture[str]


def test_validate(here: Path, capsys: Captured) -> None:
    assert run(["validate", "good.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "1 scene (1 picture) in 1 file: no errors" in err
    assert run(["validate", "."]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "bad.yaml:3:17: error: `width` must be a multiple of 16" in err
    assert "1 error, 0 warnings in 2 files" in err


def test_validate_for_programs(here: Path, capsys: Captured) -> None:
    assert run(["validate", ".", "--format", "json"]) == 2
    out, err = capsys.readouterr()
    *problems, summary = [json.loads(line) for line in out.splitlines()]
    assert err == "" and [problem["code"] for problem in problems] == ["not-a-multiple"]
    assert summary == {"type": "summary", "scenes": 1, "files": 2, "errors": 1, "warnings": 0, "exit": 2}
    run(["validate", ".", "--format", "github"])
    assert capsys.readouterr().out.startswith("::error file=bad.yaml,line=3,col=17,title=not-a-multiple::")
    run(["validate", ".", "--format", "sarif"])
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"][0]["ruleId"] == "not-a-multiple"


def test_validate_options(here: Path, capsys: Captured) -> None:
    assert run(["validate", "bad.yaml", "--set", "canvas.width=256"]) == 0
    (here / "warned.yaml").write_text(GOOD.replace("{x: 0,", "{x: -1,"))
    assert run(["validate", "warned.yaml"]) == 0
    assert run(["validate", "warned.yaml", "--strict"]) == 2
    assert run(["validate", "good.yaml", "--set", "sampling.guidance=NaN"]) == 2
    (here / "inner").mkdir()
    (here / "inner/out.yaml").write_text(GOOD.replace("image: ", "image: ../").replace("mask: ", "mask: ../"))
    assert (run(["validate", "inner"]), run(["validate", "inner", "--confine"])) == (0, 2)
    Image.new("RGBA", (200, 160)).save("crab.png")  # nothing to see
    assert (run(["validate", "good.yaml", "--shallow"]), run(["validate", "good.yaml"])) == (0, 2)


@pytest.mark.parametrize("verb", [["validate"], ["compose", "-o", "lay.png"], ["render", "-o", "out", "--dry-run"]])
def test_a_model_unknown_is_found_at_its_place(verb: list[str], here: Path, capsys: Captured) -> None:
    (here / "typo.yaml").write_text(GOOD + "model: kontxt\n")
    assert run([*verb, "typo.yaml", *(["--model", "."] if "render" in verb else [])]) == 2
    err = capsys.readouterr().err
    assert "typo.yaml:12:8: error: no model has the alias `kontxt`" in err and "did you mean `kontext`?" in err


def test_schema(capsys: Captured) -> None:
    assert run(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert run(["schema", "scene"]) == 0 and json.loads(capsys.readouterr().out) == schema
    assert run(["schema", "sceen"]) == 2


@pytest.mark.parametrize("path", [".", "picnic", "my scenes/picnic day.yaml"])
def test_init(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", path]) == 0
    scene = tmp_path / capsys.readouterr().out.strip()
    loaded = load([str(scene)], LoadOptions(deep=True, strict=True, confine=True))
    assert not loaded.problems and len(loaded.scenes) == 1
    marked = scene.read_text().split("$schema=")[1].split("\n")[0]
    assert (scene.parent / marked).is_file()
    assert run(["init", path]) == 0  # the same again is in nobody's way


def test_init_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.yaml").write_text("mine")
    assert run(["init"]) == 2
    assert "scene.yaml exists already" in capsys.readouterr().err
    assert (tmp_path / "scene.yaml").read_text() == "mine" and not (tmp_path / "refs").exists()
    assert run(["init", "--force"]) == 0 and "version: 1" in (tmp_path / "scene.yaml").read_text()
