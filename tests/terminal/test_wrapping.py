"""Words on a narrow terminal."""

from __future__ import annotations

import pytest
from rich.text import Text

from contextgen_cli.terminal.wrapping import folded


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("one two three four five", ["one two three four", "  five"]),
        ("  hint: one two three four", ["  hint: one two", "      three four"]),
        ("  one two three four", ["  one two three four"]),
        ("see /a/path/that/is/very/long.png now", ["see", "  /a/path/that/is/very/long.png", "  now"]),
        ("first\n\nsecond", ["first", "", "second"]),
        ("蟹蟹蟹蟹 蟹蟹蟹蟹 蟹蟹", ["蟹蟹蟹蟹 蟹蟹蟹蟹", "  蟹蟹"]),
        ("                              ^", ["                              ^"]),
    ],
)
def test_folding(text, lines):
    assert [line.plain for line in folded(Text(text), 20)] == lines


def test_colours_stay_with_their_words():
    text = Text("plain ").append("one two three four five", style="red")
    *_, last = folded(text, 20)
    assert [last.plain[span.start : span.end] for span in last.spans] == ["four five"]
