"""The command that renders an entry of a report again, for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from contextgen_cli.report.entries import Entry

SCENES = "SCENES"  # stands for scene files that nothing in the folder names
_FILL_IN = f"Put your scene files in place of {SCENES}, and add the options that the run had, such as --size."


@dataclass(frozen=True)
class ReplayCommands:
    """Knows how the folder is called where the report was asked for, and which models and adapters go by a name."""

    folder: Path
    called: str
    known: Collection[str]

    @classmethod
    def of(cls, folder: Path, known: Collection[str]) -> ReplayCommands:
        """The folder is called as it was asked for; of an absolute path only what is below here, or its name."""
        called = folder
        if folder.is_absolute():
            here = Path.cwd()
            called = folder.relative_to(here) if folder.is_relative_to(here) else Path(folder.name)
        return cls(folder, called.as_posix(), known)

    def command(self, entry: Entry) -> tuple[str | None, str | None]:
        """A command line, and what is to be changed in it before it runs."""
        if entry.record is not None and entry.path is not None:
            return self._replay(entry)
        if entry.attempt is not None:
            return self._render(entry), _FILL_IN
        return None, None

    def _replay(self, entry: Entry) -> tuple[str, str | None]:
        assert entry.record is not None and entry.path is not None
        picture = entry.path.relative_to(self.folder).as_posix()
        words = ["contextgen", "replay", _argument(picture if self.called == "." else f"{self.called}/{picture}")]
        model = entry.record.model.name
        unnamed = []
        if model not in self.known:
            words += ["--model", model]
            unnamed.append(model)
        for adapter in entry.record.adapters:
            if adapter.name not in self.known:
                words += ["--adapter", adapter.name]
                unnamed.append(adapter.name)
        note = f"Put the path of your {' and '.join(unnamed)} in its place." if unnamed else None
        return shlex.join(words), note

    def _render(self, entry: Entry) -> str:
        assert entry.attempt is not None
        attempt = entry.attempt
        words = ["-o", self.called, "--only", _literal(attempt.scene), "--seed", str(attempt.seed)]
        again = ["--retry-failed"] if attempt.error is not None else []
        return f"contextgen render {SCENES} {shlex.join([*words, *again])}"


def _argument(path: str) -> str:
    return f"./{path}" if path.startswith("-") else path


def _literal(name: str) -> str:
    """A glob that fits this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
