"""The four ways to write a problem down."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contextgen_cli.scene.check.problems import Problem, Severity, as_github, as_json, as_sarif, as_text

PROBLEM = Problem(
    Severity.ERROR,
    "unknown-key",
    "unknown key `bx`",
    Path.cwd() / "my scenes" / "picnic.yaml",
    14,
    5,
    "instances[0].bx",
    "did you mean `box`?",
    "    bx: {x: 1}",
)


def test_text() -> None:
    assert as_text(PROBLEM).split("\n") == [
        "my scenes/picnic.yaml:14:5: error: unknown key `bx`",
        "    bx: {x: 1}",
        "    ^",
        "  at instances[0].bx",
        "  hint: did you mean `box`?",
    ]


@pytest.mark.parametrize(
    ("line", "column", "pointed"),
    [
        ("\t\tbx: 1", 3, "b"),
        ("prompt: 蟹蟹 bx: 1", 12, "b"),
        ("prompt: e\u0301e\u0301 bx", 14, "b"),
        ("x" * 500 + "bx" + "y" * 500, 501, "b"),
        ("\x1b[31m\x07bx", 7, "b"),
        ("\u202e\u2066bx", 3, "b"),
        ("蟹" * 300 + "bx", 301, "b"),
    ],
)
def test_the_caret_stands_under_its_character_within_60_columns(line: str, column: int, pointed: str) -> None:
    _, shown, caret, *_ = as_text(replace(PROBLEM, source_line=line, column=column)).split("\n")
    columns = [character for character in shown for _ in range(_width(character))]
    assert columns[caret.index("^")] == pointed
    assert len(columns) <= 60 and len(caret) <= 60
    assert shown.isprintable()


def _width(character: str) -> int:
    return {"蟹": 2, "\u0301": 0}.get(character, 1)


def test_a_file_cannot_steer_the_terminal() -> None:
    steering = {"message": "key `\x1b[2J`", "hint": "\x1b[2J", "key_path": "\x1b[2J"}
    text = as_text(replace(PROBLEM, path=Path.cwd() / "a\nb.yaml", **steering))
    assert "\x1b" not in text and text.startswith("a\\nb.yaml:14:5: error: key `\\x1b[2J`")


@pytest.mark.parametrize("letter", [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))], ids=ascii)
def test_a_file_cannot_turn_the_order_of_letters(letter: str) -> None:
    turned = f"a{letter}gnp.exe"
    text = as_text(replace(PROBLEM, path=Path.cwd() / turned, message=turned, source_line=turned, hint=turned))
    assert letter not in text and text.count(f"a\\u{ord(letter):04x}gnp.exe") == 3


def test_json() -> None:
    record = json.loads(as_json(PROBLEM))
    assert record["type"] == "problem" and record["path"] == "my scenes/picnic.yaml"
    assert (record["line"], record["column"], record["severity"]) == (14, 5, "error")
    assert (record["code"], record["key_path"]) == ("unknown-key", "instances[0].bx")
    assert (record["message"], record["hint"]) == ("unknown key `bx`", "did you mean `box`?")


def test_github() -> None:
    problem = replace(PROBLEM, message="100%: a\nb", severity=Severity.WARNING, hint=None)
    written = as_github(replace(problem, path=Path.cwd() / "a,b:c.yaml"))
    assert as_github(PROBLEM).endswith("::unknown key `bx`%0Adid you mean `box`?")
    assert written == "::warning file=a%2Cb%3Ac.yaml,line=14,col=5,title=unknown-key::100%25: a%0Ab"


def test_sarif() -> None:
    other = replace(PROBLEM, severity=Severity.WARNING, code="animated-image", path=None, line=None, column=None)
    log = json.loads(as_sarif([PROBLEM, other], "1.2.3"))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0" and run["tool"]["driver"]["version"] == "1.2.3"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["animated-image", "unknown-key"]
    first, second = run["results"]
    assert (first["level"], second["level"]) == ("error", "warning")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20scenes/picnic.yaml"
    assert place["region"] == {"startLine": 14, "startColumn": 5}
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == first["ruleId"]
    assert "physicalLocation" not in second["locations"][0]
