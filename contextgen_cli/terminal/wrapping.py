"""Folds words for a person into the width of a terminal: between words, with a hanging indent, never within a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_WORD = re.compile(r"^\s*\S+\s*|\S+\s*")
_LABEL = re.compile(r"\s*\w+:\s+")  # as in `  hint: try this`: what follows hangs behind it
_INDENT = 2


def folded(text: Text, width: int) -> Iterator[Text]:
    """The lines of `text`, each folded into `width` columns; a longer word, such as a path, sticks out."""
    from rich.text import Text

    for line in text.split("\n", allow_blank=True):
        hang = _hang(line.plain, width)
        for index, piece in enumerate(line.divide(_breaks(line.plain, width, hang))):
            piece.rstrip()  # the space at which it was broken
            yield Text.assemble(" " * hang, piece) if index else piece


def _hang(line: str, width: int) -> int:
    label = _LABEL.match(line)
    hang = label.end() if label else len(line) - len(line.lstrip()) + _INDENT
    return min(hang, width // 3)


def _breaks(line: str, width: int, hang: int) -> list[int]:
    """Where to break: before every word that would reach beyond the width."""
    from rich.cells import cell_len

    found: list[int] = []
    column = 0
    for word in _WORD.finditer(line):
        if column and column + cell_len(word.group().rstrip()) > width:
            found.append(word.start())
            column = hang
        column += cell_len(word.group())
    return found
