"""Where a command's data goes: to a person in words, to a program as JSON lines (`schemas/events.schema.json`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contextgen_cli.scene.check.problems import as_json
from contextgen_cli.terminal import console

if TYPE_CHECKING:
    from contextgen_cli.scene.check.problems import Problem

Record = Mapping[str, Any]  # a line for a program: plain JSON values, `type` among them


@dataclass(frozen=True, slots=True)
class Output:
    """One command's standard output, in one of two modes; what only a person is told goes to standard error."""

    as_json: bool = False

    def item(self, record: Record, *, text: str | None = None, folded: bool = False) -> None:
        """Write one thing: its record, or its text if it has one.

        `folded` between words on a terminal is what a person reads; a path, which may be copied, never is.
        """
        if self.as_json:
            console.emit_json(record)
        elif text is not None:
            (console.emit_text if folded else console.emit)(text)

    def table(
        self,
        records: Iterable[Record],
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        heading: str = "",
        yielding: Sequence[str] = (),
    ) -> None:
        """Write many alike: a record each, or a row each under `columns`, of which the `yielding` ones fold first."""
        if self.as_json:
            for record in records:
                console.emit_json(record)
            return
        if heading:
            console.emit_text(heading)
        console.emit_table(columns, rows, yielding=yielding)

    def problems(self, found: Iterable[Problem]) -> None:
        """Write the problems of scene files, for a person with their source lines."""
        listed = list(found)
        if not self.as_json:
            console.problems(listed)
            return
        for problem in listed:
            console.emit(as_json(problem))

    def summary(self, record: Record, *, result: str | None = None, text: str = "", exit_code: int) -> int:
        """Write how it ended, as the last line, and return the exit code.

        A person gets the `result`, such as the path of what all was done for, as data, and the text as a note.
        """
        if self.as_json:
            console.emit_json({"type": "summary", **record, "exit": exit_code})
            return exit_code
        if result is not None:
            console.emit(result)
        if text:
            console.note(text)
        return exit_code
