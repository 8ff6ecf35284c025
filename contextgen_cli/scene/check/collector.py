"""Collects the problems of one source, each with its place and its source line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contextgen_cli.scene.check.problems import ON_COMMAND_LINE, Problem, Severity
from contextgen_cli.scene.parse.nodes import Place, Spot


class ProblemCollector:
    """The problems of one scene file or of standard input, in the order of their places, none twice."""

    def __init__(self, path: Path | None, text: str = "") -> None:
        self._path = path
        self._lines = text.split("\n")
        self._problems: dict[Problem, None] = {}
        self._twisted: dict[Place, Problem] = {}
        self._error_count = 0

    @property
    def problems(self) -> list[Problem]:
        return sorted(self._problems, key=lambda problem: (problem.line or 0, problem.column or 0))

    @property
    def error_count(self) -> int:
        """How often an error was reported, repetitions included: whether it grew says if something is sound."""
        return self._error_count

    def error(self, code: str, message: str, at: Spot | None = None, hint: str | None = None) -> None:
        self._add(Severity.ERROR, code, message, at, hint)

    def warning(self, code: str, message: str, at: Spot | None = None, hint: str | None = None) -> None:
        self._add(Severity.WARNING, code, message, at, hint)

    def twisted(self, code: str, message: str, at: Spot, hint: str | None = None) -> None:
        """An error about how a value is written: what the value then is, is no further error."""
        self._twisted[at.place] = self._add(Severity.ERROR, code, message, at, hint)

    def twist(self, place: Place) -> str | None:
        """The code of what is wrong with the writing of the value at `place`, if anything is."""
        problem = self._twisted.get(place)
        return problem.code if problem else None

    def advise(self, place: Place, hint: str) -> None:
        """Another hint for the twisted value at `place`, by one who knows what is wanted there."""
        before = self._twisted[place]
        self._twisted[place] = replace(before, hint=hint)
        self._problems.pop(before, None)
        self._problems.setdefault(self._twisted[place])

    def _add(self, severity: Severity, code: str, message: str, at: Spot | None, hint: str | None) -> Problem:
        if at is None:
            problem = Problem(severity, code, message, self._path, hint=hint)
        elif at.place.assignment is not None:
            set_ = f"--set {at.place.assignment}"
            problem = Problem(severity, code, message, ON_COMMAND_LINE, None, None, at.key_path, hint, source_line=set_)
        else:
            place = self._clamped(at.place)
            problem = Problem(
                severity,
                code,
                message,
                self._path,
                place.line,
                place.column,
                at.key_path,
                hint,
                self._lines[place.line - 1].rstrip("\r"),
            )
        self._problems.setdefault(problem)
        self._error_count += severity is Severity.ERROR
        return problem

    def _clamped(self, place: Place) -> Place:
        """A parser may point behind the end of a file; the end of its last written line says more."""
        if place.line <= len(self._lines) and (self._lines[place.line - 1].strip() or place.line == 1):
            return place
        last = max((i for i, line in enumerate(self._lines[: place.line], 1) if line.strip()), default=1)
        return Place(last, len(self._lines[last - 1].rstrip()) + 1)
