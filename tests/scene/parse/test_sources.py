"""Files as other systems and programs write them: read rightly, or refused with the line and the reason."""

from __future__ import annotations

import pytest
from good_scene import GOOD, Check

MARK = "\ufeff"
TWO = f"{GOOD}---\n{GOOD}"


@pytest.mark.parametrize(
    ("text", "scenes"),
    [
        (MARK + GOOD, 1),
        (MARK + GOOD.replace("\n", "\r\n"), 1),
        (GOOD.replace("\n", "\r"), 1),
        (f"{MARK}{GOOD}---\n{MARK}{GOOD}", 2),
        (f"{MARK}---\n{GOOD}{MARK}---\n{GOOD}", 2),
        (f"{MARK}---\r\n{GOOD}{MARK}---\r\n{GOOD}", 2),
        (f"{MARK}%YAML 1.1\n---\n{GOOD}{MARK}%YAML 1.1\n---\n{GOOD}", 2),
    ],
)
def test_line_ends_and_marks_of_joined_files_are_read(text: str, scenes: int, check: Check) -> None:
    loaded = check(text)
    assert not [problem for problem in loaded.errors if problem.code != "yaml-syntax"], loaded.errors
    assert len(loaded.scenes) == scenes


def test_files_joined_without_a_line_between_them(check: Check) -> None:
    (problem,) = check(MARK + GOOD + MARK + GOOD).errors
    assert (problem.line, problem.column) == (12, 1) and "two files are joined here" in problem.message
    assert "`---`" in (problem.hint or "")


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        ("utf-16", "this is UTF-16;"),
        ("utf-16-le", "UTF-16 without a byte order mark"),
        ("utf-16-be", "UTF-16 without a byte order mark"),
        ("utf-32", "this is UTF-32;"),
        ("utf-32-be", "UTF-32 without a byte order mark"),
    ],
)
def test_wide_encodings_are_named(codec: str, words: str, check: Check) -> None:
    (problem,) = check(GOOD.encode(codec)).errors
    assert problem.code == "not-utf8" and words in problem.message and problem.hint == "save it as UTF-8"


def test_a_letter_of_windows_1252_is_shown(check: Check) -> None:
    (problem,) = check(GOOD.replace("A crab", "A café").encode("cp1252")).errors
    assert (problem.line, problem.column) == (2, 14) and "`é` in Windows-1252" in problem.message


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("prompt: A", "prompt:\u00a0A", "yaml-space", 2, "a no-break space, U+00A0"),
        ("  crab: {", "\u00a0\u00a0crab: {", "yaml-space", 5, "a no-break space, U+00A0"),
        ("  - reference: bag", "  -\u3000reference: bag", "yaml-space", 8, "an ideographic space, U+3000"),
        ("{x: 0,", "{x:\u00a00,", "unknown-key", 9, "a no-break space, U+00A0"),
        ("crab.png}", '"C:\\Users\\me\\crab.png"}', "yaml-syntax", 5, "in a path write `/`"),
        ("crab.png}", '"refs\\crab.png"}', "yaml-syntax", 5, "in a path write `/`"),
        ("crab.png}", '"refs\\bag.png"}', "control-character", 5, "in a path write `/`"),
        ("prompt:", "\u201cprompt\u201d:", "unknown-key", 2, "a left double quotation mark, U+201C"),
        ("reference: bag", "reference: bag\u00a0", "unknown-reference", 8, "a no-break space, U+00A0"),
    ],
)
def test_what_other_programs_put_in_is_told_with_its_line(
    old: str, new: str, code: str, line: int, words: str, check: Check
) -> None:
    assert old in GOOD
    found = check(GOOD.replace(old, new, 1)).errors
    assert any((p.code, p.line) == (code, line) and words in f"{p.message} {p.hint}" for p in found), found


def test_typographic_quotes_around_a_value_are_part_of_it(check: Check) -> None:
    loaded = check(GOOD.replace("A crab is holding a bag.", "\u201cA crab is holding a bag.\u201d"))
    (problem,) = loaded.warnings
    assert (problem.code, problem.line, problem.column) == ("typographic-quotes", 2, 9)
    assert loaded.scenes[0].prompt == "\u201cA crab is holding a bag.\u201d"
    quoted = '"\u201cA crab is holding a bag.\u201d"'
    assert not check(GOOD.replace("A crab is holding a bag.", quoted)).problems
