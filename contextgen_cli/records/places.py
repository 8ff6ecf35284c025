"""Places of this machine in words that others will read: a ledger and a page travel, and tell nothing of where from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from contextgen_cli.scene.scene import Scene
from contextgen_cli.scene.writing import portable

_PART = r"[^\s/\\'\"`:;,()<>|]+"
_FOLDERS = re.compile(rf"(?<![\w./~-])(?:/(?!/)|[A-Za-z]:[/\\])(?:{_PART}[/\\])+(?={_PART})")


def without_places(text: str, known: Mapping[Path, str]) -> str:
    """`text` with `known` absolute paths as they are called where it will be read; of any other only the last part."""
    for path in sorted(known, key=lambda path: len(str(path)), reverse=True):
        text = re.sub(rf"{re.escape(str(path))}(?![\w-])", known[path].replace("\\", r"\\"), text)
    return _FOLDERS.sub("…/", text)


def known_places(scene: Scene, folder: Path) -> dict[Path, str]:
    """The files of a scene by their paths as its record has them, and how its folder and the output `folder` are
    called."""
    beside = scene.source.path.parent if scene.source.path else Path.cwd()
    folders = {each.absolute(): "." for each in (Path.cwd(), beside, folder)}
    named = {each: called for each, called in folders.items() if each != each.parent}
    return {**named, **{path: portable(path, beside) for path in scene.files}}
