"""A file that is not there: what is wrong with its name is told, in scenes, in arguments and in `--set`."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from good_scene import GOOD, Check
from painting import draw_reference, write_scene

from contextgen_cli.scene.loader import LoadOptions, load

Run = Callable[..., Any]
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
FORM = "another Unicode form"


def hint_for(check: Check, name: str) -> str:
    written = name.replace("\\", "\\\\").replace('"', '\\"')
    (problem,) = check(GOOD.replace("crab.png", f'"{written}"')).errors
    assert (problem.code, problem.line, problem.column) == ("no-such-image", 5, 17)
    return problem.hint or ""


@pytest.mark.parametrize(
    ("here", "there", "forms"),
    [
        (COMPOSED, DECOMPOSED, ("composed (NFC", "decomposed (NFD")),
        (DECOMPOSED, COMPOSED, ("decomposed (NFD", "composed (NFC")),
        (COMPOSED + DECOMPOSED, COMPOSED * 2, ("neither composed (NFC) nor decomposed (NFD)", "composed (NFC")),
    ],
    ids=["composed", "decomposed", "mixed"],
)
def test_another_unicode_form_is_told(
    here: str, there: str, forms: tuple[str, str], folder: Path, check: Check
) -> None:
    draw_reference(folder / f"{there}.png", "red")
    hint = hint_for(check, f"{here}.png")
    assert f"did you mean {folder / there}.png? It looks the same but is in another Unicode form, " in hint
    in_the_scene, on_the_disk = hint.partition(f"{FORM}, ")[2].split(" here, ")
    assert in_the_scene.startswith(forms[0]) and on_the_disk.startswith(forms[1]) and " on the disk: " in on_the_disk
    (folder / there).mkdir()
    draw_reference(folder / there / "fox.png", "red")
    assert FORM in hint_for(check, f"{here}/fox.png")


@pytest.mark.parametrize(
    ("name", "there", "words"),
    [
        ("red\u00a0crab.png", "red crab.png", "The name here is written, with a no-break space, U+00A0"),
        ("red crab.png", "red\u3000crab.png", "The name there is written, with an ideographic space, U+3000"),
        ("red\u2013crab.png", "red-crab.png", "an en dash, U+2013"),
        ("\u201cred.png\u201d", '"red.png"', "a left double quotation mark, U+201C"),
        ("red\u200bcrab.png", "redcrab.png", "a zero width space, U+200B"),
    ],
)
def test_a_letter_that_only_looks_like_another_is_named(
    name: str, there: str, words: str, folder: Path, check: Check
) -> None:
    draw_reference(folder / "plain.png", "red")
    (folder / "plain.png").rename(folder / there)
    assert words in hint_for(check, name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refs\\crab.png", "refs/crab.png? Between folders stands `/`"),
        ("refs\\nothing.png", "Between folders stands `/`"),
        ("C:\\Users\\me\\crab.png", "a drive of Windows"),
        ("C:/Users/me/crab.png", "a drive of Windows"),
    ],
)
def test_a_path_of_windows_is_told(name: str, words: str, folder: Path, check: Check) -> None:
    (folder / "refs").mkdir()
    draw_reference(folder / "refs" / "crab.png", "red")
    assert words in hint_for(check, name)


def test_an_escape_that_became_a_tab_is_told(check: Check) -> None:
    (problem,) = check(GOOD.replace("crab.png", r'"refs\table.png"')).errors
    assert r"`\t` is a tab" in (problem.hint or "")


@pytest.mark.parametrize(("others", "is_looked_for"), [(900, True), (1100, False)])
def test_a_near_name_is_not_long_looked_for(others: int, is_looked_for: bool, folder: Path, check: Check) -> None:
    (folder / "many").mkdir()
    for number in range(others):
        (folder / "many" / f"{number}.png").touch()
    draw_reference(folder / "many" / "lobster.png", "red")
    assert ("lobster.png" in hint_for(check, "many/lobstre.png")) is is_looked_for


def test_arguments_of_the_command_line_are_told_alike(
    contextgen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()
    scene = write_scene(Path("scenes") / f"{DECOMPOSED}.yaml")
    assert FORM in contextgen("validate", f"scenes/{COMPOSED}.yaml").err
    assert "scenes/picnic.yaml? Between folders" not in contextgen("validate", "scenes\\picnic.yaml").err
    assert "Between folders stands `/`" in contextgen("validate", "scenes\\picnic.yaml").err
    assert "two plain hyphens" in contextgen("validate", scene, "\u2013strict").err
    told = contextgen("validate", scene, "--set", "references.crab.image=refs\\crab.png")
    assert told.code == 2 and "--set: error: no such file" in told.err and "refs/crab.png? Between" in told.err
    told = contextgen("validate", scene, "--set", "instances[0].fit=area\u00a0")
    assert "with a no-break space, U+00A0" in told.err
    for verb in (("import", "-o", "got"), ("inspect",), ("replay",), ("train",)):
        assert FORM in " ".join(contextgen(*verb, f"scenes/{COMPOSED}.yaml").err.split()), verb


@pytest.mark.parametrize("name", ["a" * 300 + ".yaml", "\udcff.yaml", "9" * 5000, "x\ny.yaml"])
def test_any_argument_is_told_as_missing(name: str) -> None:
    assert [problem.code for problem in load([name], LoadOptions()).errors] == ["no-such-file"]
