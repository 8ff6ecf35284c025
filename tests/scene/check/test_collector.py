"""Of very many problems the first are told and the others counted, in every format, and none is looked for in vain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from good_scene import GOOD, Check
from painting import write_scene

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.loader import LoadOptions, load

Run = Callable[..., Any]
MANY = limits.PROBLEMS + 40


def unknown_keys(count: int) -> str:
    return GOOD + "".join(f"unknown{index}: 1\n" for index in range(count))


def test_the_first_hundred_are_told_and_the_others_counted(check: Check) -> None:
    loaded = check(unknown_keys(MANY))
    *told, others = loaded.errors
    assert [problem.code for problem in told] == ["unknown-key"] * limits.PROBLEMS
    assert [problem.line for problem in told] == list(range(12, 12 + limits.PROBLEMS))
    assert others.code == "more-problems" and others.message == "40 more errors in this file" and others.line is None
    assert (loaded.error_count, loaded.warning_count) == (MANY, 0)
    assert check(unknown_keys(limits.PROBLEMS)).error_count == len(check(unknown_keys(limits.PROBLEMS)).errors) == 100


def test_warnings_hide_no_error(check: Check) -> None:
    spare = "".join(f"  spare{index}: {{image: crab.png}}\n" for index in range(MANY))
    loaded = check(GOOD.replace("references:\n", f"references:\n{spare}") + "promt: x\n")
    assert [problem.code for problem in loaded.errors] == ["unknown-key"]
    assert [problem.message for problem in loaded.warnings if problem.code == "more-problems"] == [
        "180 more warnings in this file"
    ]
    strict = check(GOOD.replace("references:\n", f"references:\n{spare}"), strict=True)
    assert strict.error_count == 280 and not strict.warnings


def test_every_format_says_how_many_there_are(contextgen: Run, tmp_path: Path) -> None:
    unknown = {f"unknown{index}": 1 for index in range(MANY)}
    scene = write_scene(tmp_path / "picnic.yaml", canvas={"width": 128, "height": 128}, **unknown)
    said = "40 more errors in this file"
    told = contextgen("validate", scene)
    assert told.code == 2 and f"picnic.yaml: error: {said}" in told.err and "140 errors, 0 warnings" in told.err
    assert said in contextgen("validate", scene, "--format", "github").lines[-1]
    *problems, summary = contextgen("validate", scene, "--format", "json").records
    assert problems[-1]["message"] == said and len(problems) == limits.PROBLEMS + 1 and summary["errors"] == MANY
    results = json.loads(contextgen("validate", scene, "--format", "sarif").out)["runs"][0]["results"]
    assert results[-1]["ruleId"] == "more-problems" and said in results[-1]["message"]["text"]
    rendered = contextgen("render", scene, "-o", tmp_path / "out")
    assert rendered.code == 2 and "140 errors in the scenes" in rendered.err


def test_a_hint_is_looked_for_only_where_it_is_told() -> None:
    asked = []

    def hint() -> str:
        asked.append(1)
        return "that one"

    report = ProblemCollector(None, "a\n")
    for index in range(MANY):
        report.error("code", f"message {index}", None, hint)
        report.error("code", f"message {index}", None, hint)
    assert len(asked) == limits.PROBLEMS and report.error_count == 2 * MANY
    assert report.problems[0].hint == "that one" and report.problems[-1].count == 40


@pytest.mark.parametrize("text", ["k" * 50_000 + ": 1\n", f'"{"k" * 50_000}\\n": 1\n'])
def test_what_is_told_is_short_whatever_is_in_the_file(text: str, check: Check) -> None:
    for problem in check(GOOD + text).errors:
        assert len(problem.message) < 1100 and len(problem.key_path) < 1100 and len(problem.hint or "") < 1100


def test_very_many_scenes_with_errors_are_not_all_checked(folder: Path) -> None:
    (folder / "many.yaml").write_text("---\n".join([GOOD + "unknown: 1\n"] * MANY))
    (folder / "matrix.yaml").write_text(
        GOOD.replace("A crab", "${a} ${b}").replace("x: 0,", "x: 1000,")
        + f"matrix: {{a: {list(range(20))}, b: {list(range(20))}}}\n"
    )
    loaded = load([str(folder / "many.yaml"), str(folder / "matrix.yaml")], LoadOptions())
    unchecked = [problem for problem in loaded.errors if problem.code == "unchecked-scenes"]
    assert [problem.message.split()[0] for problem in unchecked] == ["40", "300"]
    assert not loaded.scenes


def test_a_cause_that_all_scenes_share_is_one_error_of_them_all(folder: Path) -> None:
    (folder / "many.yaml").write_text("---\n".join([GOOD.replace("crab.png", "no.png")] * MANY))
    (folder / "matrix.yaml").write_text(
        GOOD.replace("A crab", "${a} ${b}").replace("crab.png", "no.png")
        + f"matrix: {{a: {list(range(20))}, b: {list(range(20))}}}\n"
    )
    (problem,) = load([str(folder / "many.yaml"), str(folder / "matrix.yaml")], LoadOptions()).errors
    assert problem.code == "no-such-image" and (problem.line, len(problem.scenes)) == (5, MANY + 400)
    assert problem.scenes[:2] == ("many", "many-d2") and problem.scenes[-1] == "matrix-m400"
