"""Writes scenes: as YAML that a person would like to read, and as the plain record that a picture carries."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contextgen_cli.scene.check.problems import STEERING
from contextgen_cli.scene.parse.scalars import resolved
from contextgen_cli.scene.scene import FORMAT_VERSION, Box, PlacedReference, Reference, Scene, Size

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_SAFE_BARE = re.compile(r"[A-Za-z_./][\w./-]*(?: [\w./-]+)*")
_SAFE_PROSE = re.compile(r"[A-Za-z][^:#\n\t\"\\{}\[\]&*!|>%@`$]*[^\s:#\"\\{}\[\]&*!|>%@`$]")
_LINE = 100  # characters, above which a prompt is folded
_DECIMALS = 12  # of per cent, as many as the schema allows


def to_yaml(scene: Scene, base: Path, *, named: bool = True) -> str:
    """The scene as a scene file for the folder `base`: paths are written relative to it."""
    return "\n".join(_lines(scene, base, named)) + "\n"


def _lines(scene: Scene, base: Path, named: bool) -> Iterator[str]:
    yield f"version: {FORMAT_VERSION}"
    if named and _FILE_NAME.fullmatch(scene.name):
        yield f"name: {_text(scene.name)}"
    yield from _prompt(scene.prompt)
    yield f"canvas: {{width: {scene.canvas.width}, height: {scene.canvas.height}}}"
    yield "references:"
    for reference in scene.references:
        yield f"  {_text(reference.name)}: {{{', '.join(_reference_parts(reference, base))}}}"
    yield "instances: # back to front"
    for instance in scene.instances:
        yield f"  - reference: {_text(instance.reference)}"
        yield f"    box: {{{', '.join(_box_parts(instance.box, scene.canvas))}}}"
        if instance.fit is not PlacedReference(instance.reference, instance.box).fit:
            yield f"    fit: {instance.fit.value}"
        if instance.flip is not None:
            yield f"    flip: {instance.flip.value}"
        if instance.rotate:
            yield f"    rotate: {_number(instance.rotate)}"
    if scene.layout is not None:
        yield f"layout: {_text(_relative(scene.layout, base))}"
    yield f"seeds: [{', '.join(map(str, scene.seeds))}]"
    sampling = {"steps": scene.sampling.steps, "guidance": scene.sampling.guidance}
    given = [f"{key}: {_number(value)}" for key, value in sampling.items() if value is not None]
    if given:
        yield f"sampling: {{{', '.join(given)}}}"
    if scene.model is not None:
        yield f"model: {_text(scene.model)}"


def _prompt(prompt: str) -> Iterator[str]:
    is_safe = _SAFE_PROSE.fullmatch(prompt) and prompt.isprintable() and resolved(prompt) == (prompt, None)
    written = prompt if is_safe else _quoted(prompt)
    folded = textwrap.wrap(prompt, _LINE - 2, break_long_words=False, break_on_hyphens=False)
    if len(written) <= _LINE or " ".join(folded) != prompt or "$" in prompt or not prompt.isprintable():
        yield f"prompt: {written}"
    else:
        yield "prompt: >-"
        yield from (f"  {line}" for line in folded)


def _reference_parts(reference: Reference, base: Path) -> Iterator[str]:
    yield f"image: {_text(_relative(reference.image, base))}"
    if reference.mask is not None:
        yield f"mask: {_text(_relative(reference.mask, base))}"
    if reference.crop is not None:
        yield f"crop: {{{', '.join(_box_parts(reference.crop, None))}}}"


def _box_parts(box: Box, canvas: Size | None) -> Iterator[str]:
    """A corner and a size where these are whole pixels, edges in per cent where they are not."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    if canvas is None or all(float(edge).is_integer() for edge in (left, top, right, bottom)):
        corner = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        yield from (f"{key}: {round(value)}" for key, value in corner.items())
    else:
        edges = {"left": left, "top": top, "right": right, "bottom": bottom}
        for key, value in edges.items():
            yield f"{key}: {_per_cent(value, canvas.width if key in ('left', 'right') else canvas.height)}"


def _per_cent(value: float, whole: int) -> str:
    """The shortest per cent that reads back as exactly `value`."""
    share = value * 100 / whole
    written = (f"{share:.{decimals}f}" for decimals in range(_DECIMALS + 1))
    exact = next((text for text in written if float(text) * whole / 100 == value), _number(share))
    return f"{exact}%"


def _number(value: float) -> str:
    return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _text(text: str) -> str:
    """A text for a place inside brackets: bare where no reader could mistake it, else quoted."""
    is_safe = _SAFE_BARE.fullmatch(text) and resolved(text) == (text, None)
    return text if is_safe else _quoted(text)


def _quoted(text: str) -> str:
    escaped = json.dumps(text.replace("${", "$${"), ensure_ascii=False)
    return re.sub(rf"[\ufeff{STEERING}]", lambda match: f"\\u{ord(match.group()):04x}", escaped)


def _relative(path: Path, base: Path) -> str:
    if not path.is_absolute():
        return path.as_posix()
    try:
        return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def to_record(scene: Scene) -> dict[str, Any]:
    """The resolved scene as plain JSON values. Paths are relative to its file's folder, never absolute."""
    folder = scene.source.path.parent if scene.source.path else Path.cwd()
    return {
        "version": FORMAT_VERSION,
        "name": scene.name,
        "prompt": scene.prompt,
        "canvas": {"width": scene.canvas.width, "height": scene.canvas.height},
        "references": {reference.name: _reference_record(reference, folder) for reference in scene.references},
        "instances": [
            {
                "reference": instance.reference,
                "box": _box_record(instance.box),
                "fit": instance.fit.value,
                **instance.turn,
            }
            for instance in scene.instances
        ],
        "layout": _portable(scene.layout, folder),
        "seeds": list(scene.seeds),
        "sampling": {"steps": scene.sampling.steps, "guidance": scene.sampling.guidance},
        "model": scene.model,
    }


def _reference_record(reference: Reference, folder: Path) -> dict[str, Any]:
    return {
        "image": portable(reference.image, folder),
        "mask": _portable(reference.mask, folder),
        "crop": _box_record(reference.crop) if reference.crop is not None else None,
    }


def _box_record(box: Box) -> dict[str, float]:
    return {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}


def _portable(path: Path | None, folder: Path) -> str | None:
    return None if path is None else portable(path, folder)


def portable(path: Path, folder: Path) -> str:
    """Relative to the folder; the bare name where the two have nothing in common but the root."""
    if not path.is_absolute():
        return path.as_posix()
    path = Path(os.path.normpath(path))
    if path.drive != folder.drive or os.path.commonpath([path, folder]) == path.anchor != str(folder):
        return path.name
    return Path(os.path.relpath(path, folder)).as_posix()


def from_record(record: Mapping[str, Any]) -> Scene:
    """The scene of a record; paths stay relative. KeyError, TypeError, ValueError or AttributeError if it is none."""
    references = (Reference.of_plain(name, value) for name, value in record["references"].items())
    return Scene.of_plain(record, references)
