"""Reads JSON, one value after another (JSON lines), into nodes that know their places."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.parse.nodes import MappingEntry, Node, Place, Spot, mapping, sequence
from contextgen_cli.scene.parse.scalars import control_character

_SPACE = re.compile(r"[ \t\r\n]*")
_NEXT_OBJECT = re.compile(r"^\{", re.MULTILINE)
_SCALAR = re.compile(
    r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|NaN|-?Infinity"
)
_NO_VALUE = "a value is missing here"
_LOOKS_LIKE_JSON = re.compile(r'\s*\{\s*["}]')


def looks_like_json(text: str) -> bool:
    return _LOOKS_LIKE_JSON.match(text) is not None


def documents(text: str, report: ProblemCollector) -> Iterator[Node | None]:
    """One node for each value, None for a broken one; it resumes at the next line that begins with `{`."""
    parser = _Parser(text, report)
    at = parser.skip_space(0)
    while at < len(text):
        try:
            node, at = parser.document(at)
            yield node
        except _UnreadableJson:
            yield None
            following = _NEXT_OBJECT.search(text, parser.failed_at + 1)
            at = following.start() if following else len(text)
        at = parser.skip_space(at)


def lines(text: str, report: ProblemCollector) -> Iterator[Node | None]:
    """One node for each line, None for a broken one; blank lines are none."""
    for above, line in enumerate(text.split("\n")):
        if line.strip():
            yield _Parser(line, report, above).line()


class _UnreadableJson(Exception):
    """This value cannot be understood; the reason has been reported."""


class _Parser:
    """The JSON grammar; scalars are left to the standard library."""

    def __init__(self, text: str, report: ProblemCollector, lines_above: int = 0) -> None:
        self.failed_at = 0
        self._text = text
        self._lines_above = lines_above
        self._report = report
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._scalars = json.JSONDecoder(
            parse_constant=self._no_constant, parse_int=partial(_number, int), parse_float=partial(_number, float)
        )
        self._values = 0

    def skip_space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def line(self) -> Node | None:
        """The one value that the text is, or None if it is broken."""
        try:
            node, end = self.document(self.skip_space(0))
            if (rest := self.skip_space(end)) < len(self._text):
                self._fail("json-lines", "more than one value in this line", rest, "one scene a line")
        except _UnreadableJson:
            return None
        return node

    def document(self, at: int) -> tuple[Node, int]:
        self._values = 0
        return self.value(at, 0)

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        if depth >= limits.DEPTH:
            self._fail("too-deep", f"nested deeper than {limits.DEPTH} levels", at)
        self._values += 1
        if self._values > limits.NODES:
            self._fail("too-many-values", f"more than {limits.NODES:,} values", at)
        opener = self._text[at : at + 1]
        if opener == "{":
            return self._object(at, depth)
        if opener == "[":
            return self._array(at, depth)
        return self._scalar(at)

    def _object(self, start: int, depth: int) -> tuple[Node, int]:
        entries: dict[str, MappingEntry] = {}
        at = self.skip_space(start + 1)
        while not self._text.startswith("}", at):
            at = self._comma(at, bool(entries), start, "{")
            key, key_end = self._scalar(at)
            if not isinstance(key.value, str):
                self._fail("json-syntax", "a key must be a text in double quotes", at)
            colon = self.skip_space(key_end)
            if not self._text.startswith(":", colon):
                self._fail("json-syntax", "a `:` is missing behind the key", colon)
            node, end = self.value(self.skip_space(colon + 1), depth + 1)
            self._note_duplicate(key, entries)
            entries.setdefault(key.value, MappingEntry(key.place, node))
            at = self.skip_space(end)
        return mapping(entries, self._place(start)), at + 1

    def _array(self, start: int, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        at = self.skip_space(start + 1)
        while not self._text.startswith("]", at):
            at = self._comma(at, bool(items), start, "[")
            node, end = self.value(at, depth + 1)
            items.append(node)
            at = self.skip_space(end)
        return sequence(items, self._place(start)), at + 1

    def _comma(self, at: int, is_due: bool, start: int, opener: str) -> int:
        if at >= len(self._text):
            self._fail("json-syntax", f"a `{opener}` is not closed", start)
        if not is_due:
            return at
        if not self._text.startswith(",", at):
            self._fail("json-syntax", "a `,` is missing here", at)
        return self.skip_space(at + 1)

    def _scalar(self, at: int) -> tuple[Node, int]:
        match = _SCALAR.match(self._text, at)  # the library would count all lines before an error
        if match is None:
            is_text = self._text.startswith('"', at)
            message = "a text in quotes that does not end on its line, or holds a tab" if is_text else _NO_VALUE
            self._fail("json-syntax", f"this is no JSON: {message}", at)
        try:
            value = self._scalars.decode(match.group())
        except json.JSONDecodeError as error:
            hint = "a backslash begins an escape: double it, or in a path write `/`"
            self._fail("json-syntax", f"this is no JSON: {error.msg.lower()}", at + error.pos, hint)
        except ValueError as error:
            self._fail("json-number", str(error), at)
        if isinstance(value, float) and abs(value) == float("inf"):
            self._fail("json-number", "the number is too large", at)
        if isinstance(value, str) and control_character(value):
            spot = Spot(self._place(at), "")
            self._report.twisted("control-character", "a text with a control character", spot)
        return Node(value, self._place(at)), match.end()

    def _note_duplicate(self, key: Node, entries: dict[str, MappingEntry]) -> None:
        first = entries.get(str(key.value))
        if first:
            message = f"`{key.value}` is given twice; the first is in line {first.key.line}"
            self._report.error("duplicate-key", message, Spot(key.place, ""), "remove one of them")

    def _fail(self, code: str, message: str, at: int, hint: str | None = None) -> NoReturn:
        self.failed_at = at
        self._report.error(code, message, Spot(self._place(at), ""), hint)
        raise _UnreadableJson

    def _place(self, at: int) -> Place:
        line = bisect_right(self._line_starts, at)
        return Place(self._lines_above + line, at - self._line_starts[line - 1] + 1)

    @staticmethod
    def _no_constant(name: str) -> NoReturn:
        raise ValueError(f"`{name}` is no number that a scene can use")


def _number(kind: Callable[[str], float], digits: str) -> float:
    if len(digits) > limits.NUMBER_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return kind(digits)
