"""Reads YAML into nodes that know their places, with plain words for what is wrong.

The events of PyYAML's parser are used rather than its constructors: nothing but text, numbers, lists and
mappings can come out, aliases are counted before they are expanded, and no nesting can exhaust the stack.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NoReturn

import yaml

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.parse.nodes import MappingEntry, Node, Place, Spot, dotted, mapping, sequence
from contextgen_cli.scene.parse.odd_letters import QUOTES, named, odd_space
from contextgen_cli.scene.parse.scalars import control_character, resolved

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOCUMENT_START = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_TYPOGRAPHIC = re.compile(f"[{QUOTES}][^{QUOTES}]*[{QUOTES}]")
_EMPTY_DOCUMENT = re.compile(r"---\s*")

_ESCAPES = "a backslash begins an escape there: double it, use single quotes, or in a path write `/`"
_EXPLANATIONS = (  # a part of the parser's words, code, ours, hint
    ("tab character", "yaml-tab", "a tab is no indentation in YAML", "indent with spaces"),
    ("mapping values are not allowed", "yaml-syntax", "a `:` where none can be",
     "check the indentation; put a text that contains `: ` in quotes"),
    ("did not find expected key", "yaml-syntax", "this does not belong to the mapping around it",
     "check the indentation and the quotes"),
    ("did not find expected '-' indicator", "yaml-syntax", "this does not belong to the list around it",
     "check the indentation; every item of a list begins with `- `"),
    ("did not find expected ',' or ']'", "yaml-syntax", "a `[` is not closed", "add a `]` or a `,`"),
    ("did not find expected ',' or '}'", "yaml-syntax", "a `{` is not closed", "add a `}` or a `,`"),
    ("unexpected end of stream", "yaml-syntax", "a quote is not closed", None),
    ("could not find expected ':'", "yaml-syntax", "a key without a `:`", "write `key: value`"),
    ("unknown escape character", "yaml-syntax", "an unknown escape in double quotes", _ESCAPES),
    ("did not find expected hexdecimal number", "yaml-syntax", "an unfinished escape in double quotes", _ESCAPES),
    ("invalid Unicode character escape", "yaml-syntax", "an escape that stands for no character", _ESCAPES),
    ("cannot start any token", "yaml-syntax", "a text cannot begin with this sign", "put it in quotes"),
    ("document start", "yaml-syntax", "something is left over behind the end of the document",
     "check the brackets; separate documents with a line `---`"),
)  # fmt: skip


def documents(text: str, report: ProblemCollector) -> Iterator[Node | None]:
    """One node for each document, None for one that cannot be read; a broken one does not hide the next."""
    for chunk, first_line in _chunks(text):
        if _EMPTY_DOCUMENT.fullmatch(chunk):
            yield Node(None, Place(first_line + 1, len("---") + 1))
        else:
            yield from _Builder(report, first_line, chunk).documents()


def _chunks(text: str) -> Iterator[tuple[str, int]]:
    """The text cut before each `---` and the directives above it, with the number of lines before the piece."""
    edges = [0]
    for match in _DOCUMENT_START.finditer(text):
        edges.append(_above_directives(text, match.start(), edges[-1]))
    line = 0
    for start, end in pairwise([*dict.fromkeys(edges), len(text)]):
        yield text[start:end], line
        line += text.count("\n", start, end)


def _above_directives(text: str, at: int, least: int) -> int:
    """Where the lines that begin with `%` begin which end at `at`."""
    while at > least and text[(before := max(least, text.rfind("\n", 0, at - 1) + 1))] == "%":
        at = before
    return at


@dataclass
class _Open:
    """A list or mapping whose end has not been read."""

    place: Place
    anchor: str | None
    items: list[Node] | None
    entries: dict[str, MappingEntry] = field(default_factory=dict)
    key: tuple[str, Place] | None = None


class _UnreadableYaml(Exception):
    """The rest of the document cannot be understood; the reason has been reported."""


class _Builder:
    """Builds the nodes of a piece of text from the parser's events."""

    def __init__(self, report: ProblemCollector, first_line: int, text: str) -> None:
        self._report = report
        self._first_line = first_line
        self._text = text
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._values = 0

    def documents(self) -> Iterator[Node | None]:
        loader = _Loader(self._text)
        try:
            while loader.check_event():
                event = loader.get_event()
                if isinstance(event, yaml.DocumentEndEvent):
                    yield self._root
                    self._anchors, self._root, self._values = {}, None, 0
                else:
                    self._take(event)
        except yaml.YAMLError as error:
            self._explain(error)
            yield None
        except _UnreadableYaml:
            yield None
        finally:
            loader.dispose()

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._start(event)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._end()

    def _start(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        place = self._place(event.start_mark)
        self._refuse_tag(event.tag, place)
        self._count(1, place)
        if self._expects_key():
            self._fail("yaml-key", "a key must be a word, not a list or mapping", place)
        if len(self._open) >= limits.DEPTH:
            self._fail("too-deep", f"nested deeper than {limits.DEPTH} levels", place)
        self._open.append(_Open(place, event.anchor, [] if isinstance(event, yaml.SequenceStartEvent) else None))

    def _end(self) -> None:
        closed = self._open.pop()
        is_mapping = closed.items is None
        node = mapping(closed.entries, closed.place) if is_mapping else sequence(closed.items or (), closed.place)
        self._put(node, closed.anchor)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        place = self._place(event.start_mark)
        self._refuse_tag(event.tag, place)
        is_plain = event.style is None or event.style == ""
        value, twist = resolved(event.value) if is_plain else (event.value, None)
        has_control = control_character(event.value) is not None
        is_typographic = is_plain and _TYPOGRAPHIC.fullmatch(event.value) is not None
        at = self._spot(place) if twist or has_control or is_typographic else None
        if self._expects_key():
            self._key(event.value, place)
            twist = twist if twist and twist.code == "yaml-boolean" else None
        else:
            self._count(1, place)
            self._put(Node(value, place), event.anchor)
        if at and twist:
            self._report.twisted(twist.code, twist.message, at, twist.hint)
        if at and has_control:
            hint = _ESCAPES if event.style == '"' else None
            self._report.twisted("control-character", "a text with a control character", at, hint)
        if at and is_typographic:
            hint = 'in YAML, quotes are written "…"; a text that is to have these goes between such'
            message = "typographic quotes are part of the text"
            self._report.warning("typographic-quotes", message, at, hint)

    def _alias(self, event: yaml.AliasEvent) -> None:
        place = self._place(event.start_mark)
        node = self._anchors.get(str(event.anchor))
        if any(open_.anchor == event.anchor for open_ in self._open):
            self._fail("yaml-recursive", f"`*{event.anchor}` contains itself", place)
        if node is None:
            self._fail("yaml-alias", f"`*{event.anchor}` stands for nothing: no `&{event.anchor}` above", place)
        if self._expects_key():
            self._fail("yaml-key", "a key must be a word, not an alias", place)
        if len(self._open) + node.depth > limits.DEPTH:
            self._fail("too-deep", f"nested deeper than {limits.DEPTH} levels", place)
        self._count(node.size, place)
        self._put(node, None)

    def _count(self, size: int, place: Place) -> None:
        self._values += size
        if self._values > limits.NODES:
            code = "alias-bomb" if size > 1 else "too-many-values"
            self._fail(code, f"more than {limits.NODES:,} values (aliases written out)", place)

    def _expects_key(self) -> bool:
        return bool(self._open) and self._open[-1].items is None and self._open[-1].key is None

    def _key(self, text: str, place: Place) -> None:
        if text == "<<":
            hint = "write the keys out, or give a whole value with `*name`"
            self._report.twisted("yaml-merge", "merge keys (`<<`) are no part of a scene", self._spot(place), hint)
        elif text in self._open[-1].entries:
            first = self._open[-1].entries[text].key
            message = f"`{text}` is given twice; the first is in line {first.line}"
            self._report.error("duplicate-key", message, self._spot(place), "remove one of them")
        self._open[-1].key = (text, place)

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        around = self._open[-1]
        if around.items is not None:
            around.items.append(node)
        elif around.key is not None:
            name, place = around.key
            if name != "<<":
                around.entries.setdefault(name, MappingEntry(place, node))
            around.key = None

    def _refuse_tag(self, tag: str | None, place: Place) -> None:
        if tag is not None:
            written = tag.replace("tag:yaml.org,2002:", "!!")
            hint = "remove it: a scene holds only text, numbers, lists and mappings"
            self._report.twisted("yaml-tag", f"the tag `{written}` is not allowed", self._spot(place), hint)

    def _explain(self, error: yaml.YAMLError) -> None:
        words = getattr(error, "problem", None) or str(error)
        opened = getattr(error, "context_mark", None)
        mark = getattr(error, "problem_mark", None) or opened
        if (space := self._odd_space(opened, mark)) is not None:
            self._report.error(*space)
            return
        code, message, hint = self._explanation(words, mark)
        if message.endswith("not closed") and opened:
            mark = opened
        if mark and "${" in self._line(mark):
            hint = 'inside `{ }` and `[ ]`, put "${name}" in quotes'
        place = self._place(mark) if mark else Place(self._first_line + 1, 1)
        self._report.error(code, message, Spot(place, ""), hint)

    def _odd_space(self, opened: Any, mark: Any) -> tuple[str, str, Spot, str] | None:
        """The first space that is none to YAML, in the lines where something is wrong."""
        if mark is None:
            return None
        last = self._row(mark)
        first = max(0, min(last - 1, self._row(opened) if opened else last))
        for index, line in enumerate(self._text.split("\n")[first : last + 1], first):
            if found := odd_space(line):
                message = f"{named(found.group())}, where only a plain space is one to YAML"
                at = Spot(Place(self._first_line + index + 1, found.start() + 1), "")
                return "yaml-space", message, at, "write a plain space"
        return None

    def _explanation(self, words: str, mark: Any) -> tuple[str, str, str | None]:
        """Code, message and hint for the parser's words."""
        is_tab = mark is not None and self._text[mark.index : mark.index + 1] == "\t"
        for part, code, message, hint in _EXPLANATIONS:
            if part in words or (code == "yaml-tab" and is_tab):
                return code, message, hint
        return "yaml-syntax", f"this is no YAML: {words}", None

    def _line(self, mark: Any) -> str:
        return self._text.split("\n")[self._row(mark)]

    def _fail(self, code: str, message: str, place: Place) -> NoReturn:
        self._report.error(code, message, self._spot(place))
        raise _UnreadableYaml

    def _spot(self, place: Place) -> Spot:
        """The keys that lead here, as far as they have been read."""
        keys = [open_.key[0] if open_.key else len(open_.items or ()) for open_ in self._open
                if open_.key or open_.items is not None]  # fmt: skip
        return Spot(place, dotted(keys))

    def _place(self, mark: Any) -> Place:
        """By the index: the parser takes other characters for the end of a line, too, than editors do."""
        row = self._row(mark)
        return Place(self._first_line + row + 1, mark.index - self._line_starts[row] + 1)

    def _row(self, mark: Any) -> int:
        return bisect_right(self._line_starts, mark.index) - 1
