"""Entries -> one HTML page that needs nothing but itself.

The page carries its content as JSON and builds what is on the screen from it, as text and never as markup: no prompt
can become code. Its security policy names the one script and the one style that it has, and allows no network.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contextgen_cli.batch.worker import process_name
from contextgen_cli.models.devices import gibibytes
from contextgen_cli.records.places import without_places
from contextgen_cli.report.entries import Entry
from contextgen_cli.report.replay_command import ReplayCommands
from contextgen_cli.report.subjects import Shown, Subjects, Use, place, share, use_of
from contextgen_cli.resources import resource

_POLICY = "default-src 'none'; img-src 'self' data: file:; style-src '{style}'; script-src '{script}'; base-uri 'none'"
_DIGEST_LETTERS = 12


@dataclass
class _Assets:
    """Pictures that several entries show, each once."""

    addresses: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, address: str | None) -> int | None:
        if address is None:
            return None
        if address not in self.numbers:
            self.numbers[address] = len(self.addresses)
            self.addresses.append(address)
        return self.numbers[address]


@dataclass(frozen=True)
class Heading:
    """What stands above the pictures."""

    title: str
    made: str  # UTC, ISO 8601
    version: str
    hosts: bool = False  # name those that painted


def render(entries: Iterable[Entry], heading: Heading, subjects: Subjects, commands: ReplayCommands, page: Path) -> str:
    """The page, for the place where it will be: pictures are linked relative to it."""
    assets = _Assets()
    describer = _Describer(subjects, commands, page.parent, assets, heading.hosts)
    shown = [describer.describe(entry) for entry in entries]
    data = {
        "title": heading.title,
        "made": heading.made,
        "version": heading.version,
        "entries": shown,
        "assets": assets.addresses,
    }
    return _assemble(heading.title, data)


def _assemble(title: str, data: dict[str, Any]) -> str:
    style, script = shipped("page.css"), shipped("page.js")
    parts = {
        "policy": _POLICY.format(style=source_hash(style), script=source_hash(script)),
        "title": html.escape(title),
        "style": style,
        "data": embedded_json(data),
        "script": script,
    }
    return filled("page.html", parts)


def filled(name: str, parts: Mapping[str, str]) -> str:
    """A shipped page with its parts in their places."""
    pieces = shipped(name).split("@@")  # text and the names of parts, in turn
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def embedded_json(value: object) -> str:
    """JSON for a <script> element: ASCII only, and nothing in it can end the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def shipped(name: str) -> str:
    """The text of a file of this package."""
    return resource(f"report/{name}").read_text(encoding="utf-8")


def source_hash(content: str) -> str:
    """How a page's security policy names a style or a script that is in it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode('ascii')}"


@dataclass(frozen=True)
class _Describer:
    """Says of an entry what the page shows."""

    subjects: Subjects
    commands: ReplayCommands
    folder: Path  # of the page
    assets: _Assets
    hosts: bool  # whether the page says on which a picture was painted

    def describe(self, entry: Entry) -> dict[str, Any]:
        command, note = self.commands.command(entry)
        said = {
            "name": entry.name,
            "scene": entry.scene,
            "seed": entry.seed,
            "outcome": entry.outcome,
            "file": None if entry.path is None else self._link(entry.path),
            "thumb": entry.seen.thumbnail,
            "size": list(entry.seen.size),
            "problem": self._told(entry.seen.problem or entry.record_problem),
            "command": command,
            "note": note,
            "details": _details(entry, hosts=self.hosts),
        }
        return {**said, **self._of_the_attempt(entry), **self._of_the_scene(entry)}

    def _of_the_attempt(self, entry: Entry) -> dict[str, Any]:
        attempt = entry.attempt
        if attempt is None:
            return {"seconds": None, "at": "", "error": None}
        error = None
        if attempt.error is not None and attempt.outcome == entry.outcome:
            error = [attempt.error.kind, self._told(attempt.error.message), self._told(attempt.error.hint)]
        seconds = attempt.seconds if 0 < attempt.seconds < float("inf") else None
        return {"seconds": seconds, "at": attempt.at, "error": error}

    def _of_the_scene(self, entry: Entry) -> dict[str, Any]:
        if entry.record is None:
            return {"prompt": None, "boxes": [], "refs": [], "layout": None}
        scene, digests, model = entry.record.scene, entry.record.inputs, entry.record.model.name
        shown = self.subjects.shown(scene, digests, model)
        return {
            "prompt": scene.prompt,
            "canvas": [scene.canvas.width, scene.canvas.height],
            "boxes": [[instance.reference, *share(instance.box.pixels, scene.canvas)] for instance in scene.instances],
            "refs": [self._reference(each) for each in shown.values()],
            "layout": self._layout(entry, shown),
        }

    def _reference(self, shown: Shown) -> list[Any]:
        address = shown.cutout.address if shown.cutout else None
        return [shown.name, self.assets.number(address), self._told(shown.note)]

    def _layout(self, entry: Entry, shown: Mapping[Use, Shown]) -> dict[str, Any]:
        """The layout image where there is one, else what it is made of: cut-outs at their places."""
        assert entry.record is not None
        scene, digests = entry.record.scene, entry.record.inputs
        kept = None if entry.path is None else self.subjects.kept_layout(entry.path)
        kept = kept or self.subjects.own_layout(scene, digests)
        if kept is not None:
            return {"image": self.assets.number(kept)}
        pieces = [
            [self.assets.number(cutout.address), *place(instance, cutout, scene.canvas)]
            for instance in scene.instances
            if (cutout := shown[use_of(instance)].cutout) is not None
        ]
        return {"pieces": pieces}

    def _told(self, words: str | None) -> str | None:
        """Words as a page may have them, which is sent to others."""
        return words and without_places(words, {self.commands.folder.absolute(): "."})

    def _link(self, path: Path) -> str | None:
        try:
            relative = os.path.relpath(path, self.folder or ".")
        except ValueError:  # another drive
            return None
        return quote(Path(relative).as_posix(), errors="surrogateescape")


def _details(entry: Entry, *, hosts: bool) -> list[tuple[str, str]]:
    """All that is known of an entry, label by label."""
    found = [*_details_of_the_record(entry), *_details_of_the_attempt(entry, hosts=hosts)]
    return [(label, value) for label, value in found if value]


def _details_of_the_record(entry: Entry) -> Sequence[tuple[str, str]]:
    record = entry.record
    if record is None:
        return [("Size", f"{entry.seen.size[0]} x {entry.seen.size[1]}" if entry.has_picture else "")]
    sampling = record.scene.sampling
    return [
        ("Size", f"{record.scene.canvas.width} x {record.scene.canvas.height}"),
        ("Seed", str(record.seed)),
        ("Steps", "" if sampling.steps is None else str(sampling.steps)),
        ("Guidance", "" if sampling.guidance is None else str(sampling.guidance)),
        ("Model", f"{record.model.name} ({record.model.digest[:_DIGEST_LETTERS]})"),
        ("Adapter", ", ".join(f"{each.called} ({each.digest[:_DIGEST_LETTERS]})" for each in record.adapters)),
        ("Numerics", record.computed),
        ("Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        ("Job", record.job),
    ]


def _details_of_the_attempt(entry: Entry, *, hosts: bool) -> Sequence[tuple[str, str]]:
    attempt = entry.attempt
    if attempt is None:
        return []
    return [
        ("Ended", attempt.at.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")),
        (
            "Where",
            ", ".join([attempt.host] * bool(hosts and attempt.host) + [process_name(attempt.rank)]),
        ),
        ("Peak memory", "" if attempt.peak_bytes is None else gibibytes(attempt.peak_bytes)),
        ("Attempts", str(entry.attempts) if entry.attempts > 1 else ""),
        *([] if entry.record else [("Seed", str(attempt.seed)), ("Job", attempt.job)]),
    ]
