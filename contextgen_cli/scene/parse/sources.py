"""The text of a scene file or of standard input, and the documents in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.parse import json_source, yaml_source
from contextgen_cli.scene.parse.nodes import Node, Place, Spot
from contextgen_cli.scene.parse.scalars import control_character

_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")  # the byte order marks of UTF-16 and UTF-32
_MIB = 1 << 20


def read(path: Path | None, stdin: TextIO | None) -> tuple[str | None, ProblemCollector]:
    """The text (None where it cannot be read) and a report that knows its lines."""
    report = ProblemCollector(path)
    try:
        data = _bytes(path, stdin)
    except OSError as error:
        report.error("unreadable-file", f"cannot read this file: {error.strerror or error}")
        return None, report
    limit = limits.FILE_BYTES if path else limits.STREAM_BYTES
    if len(data) > limit:
        message = f"larger than {limit // _MIB} MiB, the limit for scenes"
        report.error("file-too-large", message, hint="split it into several files")
        return None, report
    return _decoded(data, path)


def _bytes(path: Path | None, stdin: TextIO | None) -> bytes:
    if path is not None:
        with path.open("rb") as file:
            return file.read(limits.FILE_BYTES + 1)
    if stdin is None:
        return b""
    raw = getattr(stdin, "buffer", None)  # bytes, so that the locale's encoding plays no part
    if raw is None:
        return stdin.read(limits.STREAM_BYTES + 1).encode("utf-8", "surrogatepass")
    data: bytes = raw.read(limits.STREAM_BYTES + 1)
    return data


def _decoded(data: bytes, path: Path | None) -> tuple[str | None, ProblemCollector]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        report = ProblemCollector(path, before)
        kind = "this is UTF-16" if data.startswith(_WIDE_MARKS) else f"byte 0x{data[error.start]:02x} is no UTF-8"
        at = Spot(_place_after(before), "")
        report.error("not-utf8", f"{kind}; only text in UTF-8 can be read", at, "save it as UTF-8")
        return None, report
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    report = ProblemCollector(path, text)
    found = control_character(text)
    if found:
        at = Spot(_place_after(text[: found.start()]), "")
        name = f"U+{ord(found.group()):04X}"
        report.error("control-character", f"a control character, {name}, in the text", at, "remove it")
        return None, report
    return text, report


def _place_after(before: str) -> Place:
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def documents(text: str, path: Path | None, report: ProblemCollector) -> Iterator[Node | None]:
    """The documents of a text: JSON where it is written as JSON, YAML otherwise."""
    is_json = path.suffix.lower() == ".json" if path else False
    if is_json or json_source.looks_like_json(text):
        return json_source.documents(text, report)
    return yaml_source.documents(text, report)


def folder_of(path: Path | None) -> Path:
    """What paths in a scene are relative to."""
    return path.parent if path else Path.cwd()
