"""A problem of a scene, and the four ways to write one down: text, JSON, GitHub annotations and SARIF."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate, takewhile
from pathlib import Path
from urllib.parse import quote

STANDARD_INPUT = "<stdin>"
_ON_COMMAND_LINE = (Path("--set"), Path("--prompt"))  # for the path of a problem that what is typed there has
EXCERPT_COLUMNS = 56  # of the source line: fits a terminal of 60 columns
_SCENES_FOR_PEOPLE, _SCENES_FOR_PROGRAMS = 3, 10  # names of those that one problem touches
_WINDOW = 4 * EXCERPT_COLUMNS  # characters of a line to either side that are looked at
# In a class of a regular expression: would move the cursor, break a line or turn the order of what follows
STEERING = r"\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(rf"[\x00-\x1f{STEERING}]")


class Severity(str, Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what to do. `line` and `column` count from 1; None: the whole file.

    `count` is more than 1 where it stands for others that are not told. `cause` is what is wrong by itself, such as
    an image file: all scenes that have it have one problem. `scenes` are the names of those it touches.
    """

    severity: Severity
    code: str  # such as unknown-key: stable, for filters
    message: str
    path: Path | None  # None: standard input
    line: int | None = None
    column: int | None = None
    key_path: str = ""  # such as instances[0].box
    hint: str | None = None
    source_line: str = ""
    count: int = 1
    cause: Path | str | None = None
    scenes: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The path as it is shown, `<stdin>` for standard input."""
        return STANDARD_INPUT if self.path is None else shown(self.path)

    @property
    def place(self) -> str:
        """`scenes/picnic.yaml:14:12`."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


def shown(path: Path) -> str:
    """A path as a person would type it here: relative to the working directory when beneath it."""
    here, text = os.getcwd(), str(path)  # noqa: PTH109  as text: every missing file is shown
    return "." if text == here else text.removeprefix(here.rstrip(os.sep) + os.sep)


def as_text(problem: Problem) -> str:
    """Several lines: place and message, the source line with a caret, the key path, the hint."""
    lines = [f"{printable(problem.place)}: {problem.severity.value}: {printable(problem.message)}"]
    if problem.source_line.strip():
        lines += _excerpt(problem.source_line, problem.column)
    if problem.key_path:
        lines.append(f"  at {printable(problem.key_path)}")
    if len(problem.scenes) > 1:
        lines.append(f"  in {touched(problem.scenes)}")
    if problem.hint:
        lines.append(f"  hint: {printable(problem.hint)}")
    return "\n".join(lines)


def touched(scenes: Sequence[str], what: str = "scene") -> str:
    """How many they are, and the first names: `87 scenes: a, b, c and 84 more`."""
    count = f"{len(scenes):,} {what}{'s' * (len(scenes) != 1)}"
    others = len(scenes) - _SCENES_FOR_PEOPLE
    more = f" and {others:,} more" if others > 0 else ""
    return f"{count}: {', '.join(map(printable, scenes[:_SCENES_FOR_PEOPLE]))}{more}"


def _in_one_piece(problem: Problem) -> str:
    """Message, hint and scenes, for tools that show a text and no fields."""
    touches = [f"in {touched(problem.scenes)}"] * (len(problem.scenes) > 1)
    return "\n".join([problem.message, *touches, *([problem.hint] if problem.hint is not None else [])])


def by_cause(problems: Iterable[Problem]) -> list[Problem]:
    """One problem for each cause, at its first place, with all the scenes that it touches; none is there twice."""
    first: dict[object, Problem] = {}
    scenes: dict[object, list[str]] = {}
    for each in problems:
        alike = replace(each, scenes=())
        key = alike if each.cause is None else (each.severity, each.code, each.message, each.cause)
        first.setdefault(key, each)
        scenes.setdefault(key, []).extend(each.scenes)
    return [replace(each, scenes=tuple(dict.fromkeys(scenes[key]))) for key, each in first.items()]


def printable(text: str) -> str:
    """`text` with control characters spelled out, so that a file cannot steer the terminal."""
    return _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def _excerpt(source_line: str, column: int | None) -> list[str]:
    """The part of the line around the column and a caret under it; a tab counts as one column."""
    at = len(source_line) if column is None else min(column - 1, len(source_line))
    first = max(0, at - _WINDOW)
    line = _UNSAFE.sub(" ", source_line[first : at + _WINDOW])
    at -= first
    start = 0 if first else len(line) - len(line.lstrip())
    if _columns(line[start : at + 1]) > EXCERPT_COLUMNS * 3 // 4:
        start = at - _fitting(reversed(line[:at]), EXCERPT_COLUMNS // 2)
    end = start + _fitting(line[start:], EXCERPT_COLUMNS - 4)
    before = "…" if line[:start].strip() or source_line[:first].strip() else ""
    behind = "…" if line[end:].strip() or source_line[first + len(line) :].strip() else ""
    shown = f"    {before}{line[start:end].rstrip()}{behind}"
    if column is None:
        return [shown]
    return [shown, " " * (4 + len(before) + _columns(line[start:at])) + "^"]


def _fitting(text: Iterable[str], columns: int) -> int:
    """How many of the characters fit into so many columns."""
    widths = accumulate(map(_column_width, text))
    return sum(1 for _ in takewhile(lambda width: width <= columns, widths))


def _columns(text: str) -> int:
    return sum(_column_width(character) for character in text)


def _column_width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def as_json(problem: Problem) -> str:
    """One line of JSON."""
    record = {
        "type": "problem",
        "severity": problem.severity.value,
        "code": problem.code,
        "message": problem.message,
        "path": problem.file,
        "line": problem.line,
        "column": problem.column,
        "key_path": problem.key_path,
        "hint": problem.hint,
        "scenes": len(problem.scenes),
        "scene_names": list(problem.scenes[:_SCENES_FOR_PROGRAMS]),
    }
    return json.dumps(record)


def as_github(problem: Problem) -> str:
    """A workflow command: GitHub shows it beside the line in a pull request."""
    properties = {
        "file": _file_name(problem),
        "line": problem.line,
        "col": problem.column,
        "title": problem.code,
    }
    written = ",".join(
        f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items() if value is not None
    )
    return f"::{problem.severity.value} {written}::{_escaped(_in_one_piece(problem))}"


def _escaped(text: str, also: str = "") -> str:
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _file_name(problem: Problem) -> str | None:
    return None if problem.path is None or problem.path in _ON_COMMAND_LINE else problem.file


def as_sarif(problems: Iterable[Problem], version: str) -> str:
    """A SARIF 2.1.0 log with one run; its rules are the problems' codes."""
    found = list(problems)
    rules = sorted({problem.code for problem in found})
    driver = {"name": "contextgen", "version": version, "rules": [{"id": rule} for rule in rules]}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(problem, rules) for problem in found],
            }
        ],
    }
    return json.dumps(log, indent=2)


def _sarif_result(problem: Problem, rules: Sequence[str]) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": problem.code,
        "ruleIndex": rules.index(problem.code),
        "level": problem.severity.value,
        "message": {"text": _in_one_piece(problem)},
    }
    location: dict[str, object] = {}
    if _file_name(problem) is not None:
        location["physicalLocation"] = _sarif_physical(problem)
    if problem.key_path:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.key_path}]
    if location:
        result["locations"] = [location]
    return result


def _sarif_physical(problem: Problem) -> dict[str, object]:
    physical: dict[str, object] = {"artifactLocation": {"uri": _uri(problem)}}
    if problem.line is not None:
        physical["region"] = {"startLine": problem.line, "startColumn": problem.column or 1}
    return physical


def _uri(problem: Problem) -> str:
    file = Path(problem.file)
    return file.as_uri() if file.is_absolute() else quote(os.fsencode(file.as_posix()))
