"""The text of a scene file or of standard input, and the documents in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.image_formats.foreign_files import kind_of
from contextgen_cli.scene.parse import json_scenes, json_source, yaml_source
from contextgen_cli.scene.parse.missing_files import near_file
from contextgen_cli.scene.parse.nodes import Node, Place, Spot
from contextgen_cli.scene.parse.scalars import control_character

_WIDE_MARKS = {  # byte order marks, the longer first
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_LOOKED_AT = 1024  # bytes of a file that tell its encoding
_MARK = "\ufeff"
_MARK_BEFORE_DOCUMENT = re.compile(r"^\ufeff(?=---|%|\{)|(?<=^---\n)\ufeff", re.MULTILINE)
_MIB = 1 << 20
_SCENE_HINT = "a scene is a text that names its pictures under `references`; `contextgen init` writes one to begin with"
_PICTURE_HINTS = {"a PNG picture": f"{_SCENE_HINT}. Of one that contextgen painted, `contextgen inspect --scene` does"}


def read(path: Path | None, stdin: TextIO | None) -> tuple[str | None, ProblemCollector]:
    """The text (None where it cannot be read) and a report that knows its lines."""
    report = ProblemCollector(path)
    try:
        data = _bytes(path, stdin)
    except OSError as error:
        near = near_file(path) if path is not None and isinstance(error, FileNotFoundError) else None
        report.error("unreadable-file", f"cannot read this file: {error.strerror or error}", hint=near)
        return None, report
    if (kind := kind_of(data)) is not None:
        report.error("not-a-scene", f"{kind}, not a scene", hint=_PICTURE_HINTS.get(kind, _SCENE_HINT))
        return None, report
    limit = _limit(path)
    if len(data) > limit:
        message = f"larger than {limit // _MIB} MiB, the limit for scenes"
        report.error("file-too-large", message, hint="split it into several files")
        return None, report
    return _decoded(data, path)


def _limit(path: Path | None) -> int:
    """How many bytes are read of a file, or of what may carry many scenes."""
    return limits.STREAM_BYTES if path is None or json_scenes.is_lines(path) else limits.FILE_BYTES


def _bytes(path: Path | None, stdin: TextIO | None) -> bytes:
    if path is not None:
        with path.open("rb") as file:
            return file.read(_limit(path) + 1)
    if stdin is None:
        return b""
    raw = getattr(stdin, "buffer", None)  # bytes, so that the locale's encoding plays no part
    if raw is None:
        return stdin.read(limits.STREAM_BYTES + 1).encode("utf-8", "surrogatepass")
    data: bytes = raw.read(limits.STREAM_BYTES + 1)
    return data


def _decoded(data: bytes, path: Path | None) -> tuple[str | None, ProblemCollector]:
    if wide := _wide(data):
        report = ProblemCollector(path)
        message = f"this is {wide}; only text in UTF-8 can be read"
        report.error("not-utf8", message, Spot(Place(1, 1), ""), "save it as UTF-8")
        return None, report
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        return None, _not_utf8(ProblemCollector(path, before), data[error.start], _place_after(before))
    text = _MARK_BEFORE_DOCUMENT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    report = ProblemCollector(path, text)
    found = control_character(text)
    if found:
        at = Spot(_place_after(text[: found.start()]), "")
        if found.group() == _MARK:
            message, hint = "a byte order mark: two files are joined here", "write a line `---` between them"
        else:
            message, hint = f"a control character, U+{ord(found.group()):04X}, in the text", "remove it"
        report.error("control-character", message, at, hint)
        return None, report
    return text, report


def _wide(data: bytes) -> str | None:
    """The encoding where a character takes two or four bytes: by its mark, or by the zeros that Latin ones have."""
    for mark, name in _WIDE_MARKS.items():
        if data.startswith(mark):
            return name
    start = data[:_LOOKED_AT]
    zeros = start.count(0) / max(1, len(start))
    kind = "UTF-16" if 0.4 < zeros < 0.6 else "UTF-32" if 0.7 < zeros < 0.8 else None
    return kind and f"{kind} without a byte order mark"


def _not_utf8(report: ProblemCollector, byte: int, place: Place) -> ProblemCollector:
    meant = bytes([byte]).decode("cp1252", "replace")
    guess = f", but would be `{meant}` in Windows-1252" if meant.isprintable() else ""
    message = f"byte 0x{byte:02x} is no UTF-8{guess}; only text in UTF-8 can be read"
    report.error("not-utf8", message, Spot(place, ""), "save it as UTF-8")
    return report


def _place_after(before: str) -> Place:
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def documents(text: str, path: Path | None, report: ProblemCollector) -> Iterator[Node | None]:
    """The documents of a text: JSON where it is written as JSON, YAML otherwise; of JSON lines one a line."""
    if path is not None and json_scenes.is_lines(path):
        return json_source.lines(text, report)
    if (path is not None and json_scenes.is_json(path)) or json_source.looks_like_json(text):
        return json_source.documents(text, report)
    return yaml_source.documents(text, report)


def folder_of(path: Path | None) -> Path:
    """What paths in a scene are relative to."""
    return path.parent if path else Path.cwd()
