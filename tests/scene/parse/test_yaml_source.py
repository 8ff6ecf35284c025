"""What YAML twists is caught in its own words; what it only spells differently is read."""

from __future__ import annotations

import pytest
from good_scene import GOOD, Check

PROMPT = "A crab is holding a bag."

TWISTS = {
    "no": ("yaml-boolean", '"no" in quotes'),
    "Yes": ("yaml-boolean", "true or false"),
    "off": ("yaml-boolean", "true or false"),
    "1e-3": ("yaml-exponent", "write 0.001"),
    "1.5e3": ("yaml-exponent", "write 1500"),
    "16:9": ("yaml-sexagesimal", "base 60"),
    "012": ("yaml-octal", "leading zero"),
    "0o17": ("yaml-octal", "leading zero"),
    "1_000": ("yaml-number", "plain digits"),
    "0x1F": ("yaml-number", "plain digits"),
    ".inf": ("yaml-number", "no number"),
    "2024-02-30": ("yaml-date", "a date"),
    "9" * 5000: ("yaml-number", "5000 digits"),
    "!!python/object/apply:os.system [ls]": ("yaml-tag", "!!python/object/apply:os.system"),
    "!mine x": ("yaml-tag", "!mine"),
    "!!str x": ("yaml-tag", "remove it"),
    '"a\\0b"': ("control-character", "control character"),
    "*nothing": ("yaml-alias", "&nothing"),
    "&a [*a]": ("yaml-recursive", "contains itself"),
    "a: b": ("yaml-syntax", "in quotes"),
    '"open': ("yaml-syntax", "quote is not closed"),
    "[1, 2": ("yaml-syntax", "`[` is not closed"),
    "@home": ("yaml-syntax", "in quotes"),
    "[" * 40 + "]" * 40: ("too-deep", "24 levels"),
    "[" * 50_000: ("too-deep", "24 levels"),
    f"[&a {'[' * 12}{']' * 12}, {'[' * 12}*a{']' * 12}]": ("too-deep", "24 levels"),
}


@pytest.mark.parametrize("written", TWISTS, ids=lambda text: text[:20])
def test_twists(written: str, check: Check) -> None:
    code, words = TWISTS[written]
    problems = check(GOOD.replace(PROMPT, written)).errors
    assert [problem.code for problem in problems] == [code]
    assert problems[0].line == 2
    assert words in f"{problems[0].message} {problems[0].hint}"


LOOK_ALIKES = ["'no'", '"16:9"', "No way", "1e-3 apples", "~x", "y", "2024-01 x", "1.2.3"]


@pytest.mark.parametrize("prompt", LOOK_ALIKES)
def test_texts_that_only_look_alike_are_texts(prompt: str, check: Check) -> None:
    (scene,) = check(GOOD.replace(PROMPT, prompt)).scenes
    assert scene.prompt == prompt.strip("\"'")


def test_merge_keys(check: Check) -> None:
    text = GOOD.replace("{left: 50%", "{<<: *b, left: 50%").replace("box: {x", "box: &b {x")
    (problem,) = check(text).errors
    assert (problem.code, problem.line, problem.column) == ("yaml-merge", 11, 11)


def test_aliases_may_be_used(check: Check) -> None:
    text = GOOD.replace("box: {x", "box: &place {x")
    text = text.replace("{left: 50%, top: 0, right: 100%, bottom: 100%}", "*place")
    (scene,) = check(text).scenes
    assert scene.instances[0].box == scene.instances[1].box


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85"])
def test_what_ends_a_line_to_the_parser_alone_moves_no_place(character: str, check: Check) -> None:
    (problem,) = check(GOOD.replace("A crab", f"A{character} crab") + "promt: x\n").errors
    assert (problem.code, problem.line, problem.source_line) == ("unknown-key", 12, "promt: x")
    (problem,) = check(GOOD.replace("A crab", f"A{character} crab") + "seeds: [1\n").errors
    assert (problem.code, problem.line, problem.column) == ("yaml-syntax", 12, 8)
    (problem,) = check(GOOD.replace("A crab", f"A{character}crab")).errors
    assert (problem.code, problem.line, problem.column) == ("yaml-space", 2, 10)
    assert f"U+{ord(character):04X}" in problem.message


def test_aliases_that_explode(check: Check) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (problem,) = check("\n".join(lines)).errors
    assert problem.code == "alias-bomb" and "50,000" in problem.message


def test_many_aliases_are_counted_quickly(check: Check) -> None:
    (problem,) = check("a: &a x\nb: [" + "*a," * 250_000 + "]").errors
    assert problem.code == "too-many-values"


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("canvas:\n\twidth: 1\n", "yaml-tab", 2, 1),
        ("a: 1\n\tb: 2\n", "yaml-tab", 2, 1),
        ("a: 1\n b: 2\n", "yaml-syntax", 2, 3),
        ("a:\n  - x\n y: 1\n", "yaml-syntax", 3, 2),
        ("{a: 1}}\n", "yaml-syntax", 1, 7),
        ("? [a, b]\n: c\n", "yaml-key", 1, 3),
    ],
)
def test_syntax(text: str, code: str, line: int, column: int, check: Check) -> None:
    found = [(problem.code, problem.line, problem.column) for problem in check(text).errors]
    assert (code, line, column) in found


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "empty-file", "no scene"),
        (b"# nothing\n\n", "empty-file", "contextgen init"),
        (b"prompt: \xff\n", "not-utf8", "0xff"),
        (GOOD.encode("utf-16"), "not-utf8", "UTF-16"),
        (b"a: b\0c\n", "control-character", "U+0000"),
        (b"a: \x1b[31m\n", "control-character", "U+001B"),
        (b"a: 1\n" * 300_000, "file-too-large", "1 MiB"),
    ],
)
def test_files_that_are_no_text(data: bytes, code: str, words: str, check: Check) -> None:
    (problem,) = check(data).errors
    assert problem.code == code
    assert words in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_marks_and_line_ends_of_other_systems(mark: bytes, line_end: bytes, check: Check) -> None:
    good = mark + GOOD.encode().replace(b"\n", line_end)
    assert len(check(good).scenes) == 1
    (problem,) = check(good.replace(b"256", b"250")).errors
    assert (problem.line, problem.column) == (3, 17)


def test_a_broken_document_does_not_hide_the_next(check: Check) -> None:
    text = f"{GOOD}---\na: [1\n---\n{GOOD.replace('256', '250')}---\n{GOOD}"
    loaded = check(text)
    assert [(problem.code, problem.line) for problem in loaded.errors] == [
        ("yaml-syntax", 13),
        ("not-a-multiple", 17),
    ]
    assert [scene.source.document for scene in loaded.scenes] == [0, 3]
