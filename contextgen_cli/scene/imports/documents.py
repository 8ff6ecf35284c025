"""Other tools' files as text, JSON, YAML or XML: what is hostile or too large is refused before a format is asked."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from contextgen_cli.errors import SceneError
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.parse import yaml_source
from contextgen_cli.scene.parse.missing_files import near_file
from contextgen_cli.scene.parse.nodes import plain

_MOST_BYTES = 1 << 30  # COCO's largest file is half of it
_MOST_XML = 64 << 20  # takes twenty times as much once it is read
_DECLARATION = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)")
_YAML = (".yaml", ".yml")
_DEFLATED = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "a gzip archive"}


@dataclass(frozen=True)
class Document:
    """What was read: a `tree` of plain values, an `xml` element, `lines`, or a folder, which has none of these.

    Attributes:
        remarks: what of the text was passed over, in words.
    """

    path: Path
    tree: Any = None
    xml: Element | None = None
    lines: tuple[str, ...] = ()
    is_folder: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """What paths in it are relative to."""
        return self.path if self.is_folder else self.path.parent


def read(path: Path) -> Document:
    """Read a file by what its text is.

    Raises:
        SceneError: it cannot be read, is too large, or is broken.
    """
    if os.path.isdir(path):  # noqa: PTH112  which never raises
        return Document(path, is_folder=True)
    text = _text(path)
    start = text.lstrip()[:1]
    if start == "<":
        return Document(path, xml=_xml(text, path))
    if path.suffix.lower() in _YAML:
        return _yaml(text, path)
    if start in ("{", "[") or path.suffix.lower() == ".json":
        return Document(path, tree=_json(text, path))
    return Document(path, lines=tuple(text.splitlines()))


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SceneError(f"{shown(path)}: not a regular file")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        hint = None if os.path.exists(path) else partial(near_file, path)  # noqa: PTH110
        reason = getattr(error, "strerror", None) or error
        raise SceneError(f"{shown(path)}: cannot read this file: {reason}", hint=hint) from None
    if len(data) > _MOST_BYTES:
        raise SceneError(f"{shown(path)}: larger than {_MOST_BYTES >> 20} MiB")
    for start, what in _DEFLATED.items():
        if data.startswith(start):
            raise SceneError(f"{shown(path)}: this is {what}", hint="unpack it, and give what is in it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02x} at {error.start} is no UTF-8"
        raise SceneError(f"{shown(path)}: {message}", hint="save it as UTF-8") from None


def _json(text: str, path: Path) -> Any:
    """The value; a list of them where each stands in a line of its own."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and (values := _json_lines(text)) is not None:
            return values
        place = f"{shown(path)}:{error.lineno}:{error.colno}"
        raise SceneError(f"{place}: this is no JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{shown(path)}: this is no JSON: {error}") from None


def _json_lines(text: str) -> list[Any] | None:
    try:
        return [json.loads(line, parse_constant=_no_constant) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _yaml(text: str, path: Path) -> Document:
    """The first document that can be read; what a scene could not have, such as two equal keys, is remarked on."""
    report = ProblemCollector(path, text)
    root = next((node for node in yaml_source.documents(text, report) if node is not None), None)
    problems = [f"{problem.place}: {problem.message}" for problem in report.problems]
    if root is None:
        raise SceneError(problems[0] if problems else f"{shown(path)}: there is nothing in this file")
    return Document(path, tree=plain(root), remarks=tuple(problems))


def _xml(text: str, path: Path) -> Element:
    """The root. Declarations are refused: they define entities that grow without end or read other files."""
    if len(text) > _MOST_XML:
        raise SceneError(f"{shown(path)}: larger than {_MOST_XML >> 20} MiB, the limit for XML")
    if _DECLARATION.search(text):
        raise SceneError(f"{shown(path)}: XML with a DOCTYPE or ENTITY is not read", hint="remove the declaration")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        reason = str(error).partition(":")[0]
        raise SceneError(f"{shown(path)}:{line}:{column + 1}: this is no XML: {reason}") from None
    except ValueError as error:
        raise SceneError(f"{shown(path)}: this is no XML: {error}") from None
