"""Collects the problems of one source, each with its place and its source line; of very many the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.problems import Problem, Severity
from contextgen_cli.scene.check.quoting import shortened
from contextgen_cli.scene.parse.nodes import Place, Spot

Hint = str | Callable[[], str | None] | None  # called only where it is told: what was meant is found by a long search
_LONGEST = 1000  # letters of a message, a hint or a key path


class ProblemCollector:
    """The problems of one scene file or of standard input, in the order of their places, none twice.

    Of each severity the first are kept, up to `limits.PROBLEMS`; the others are counted.
    """

    def __init__(self, path: Path | None, text: str = "") -> None:
        self._path = path
        self._lines = text.split("\n")
        self._known: dict[Severity, set[object]] = {severity: set() for severity in Severity}
        self._told: dict[Severity, list[tuple[object, Problem]]] = {severity: [] for severity in Severity}
        self._twisted: dict[Place, tuple[str, int | None]] = {}
        self._scene: int | None = None
        self._touched: dict[object, dict[int, None]] = {}  # by what a problem is known by: the numbers of its scenes
        self._counts = dict.fromkeys(Severity, 0)
        self._repeated = 0  # errors of a cause that is known already
        self._broken_scenes = self._unchecked_scenes = 0

    @property
    def problems(self) -> list[Problem]:
        """Those that are told, and at the end how many there are beside them."""
        return self.problems_of(())

    def problems_of(self, names: Sequence[str]) -> list[Problem]:
        """The same with the names of the scenes that each touches, of all scenes by their numbers."""
        told = [self._of_scenes(key, problem, names) for each in self._told.values() for key, problem in each]
        told.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
        return told + [problem for severity in Severity for problem in self._others(severity)] + self._unchecked()

    @property
    def error_count(self) -> int:
        """How often an error was reported, repetitions included: whether it grew says if something is sound."""
        return self._counts[Severity.ERROR]

    @property
    def warning_count(self) -> int:
        return self._counts[Severity.WARNING]

    @property
    def new_error_count(self) -> int:
        """The same without those whose cause is known: a damaged image is one, in however many scenes."""
        return self.error_count - self._repeated

    def begin_scene(self, number: int) -> None:
        """What is reported from now on touches the scene of this number."""
        self._scene = number

    def end_scene(self) -> None:
        """What is reported from now on touches none."""
        self._scene = None

    def error(
        self, code: str, message: str, at: Spot | None = None, hint: Hint = None, cause: Path | str | None = None
    ) -> None:
        """`cause`: what is wrong by itself, such as a file, in whichever scene it is."""
        self._add(Severity.ERROR, code, message, at, hint, cause)

    def warning(
        self, code: str, message: str, at: Spot | None = None, hint: Hint = None, cause: Path | str | None = None
    ) -> None:
        self._add(Severity.WARNING, code, message, at, hint, cause)

    def twisted(self, code: str, message: str, at: Spot, hint: Hint = None) -> None:
        """An error about how a value is written: what the value then is, is no further error."""
        self._twisted[at.place] = code, self._add(Severity.ERROR, code, message, at, hint)

    def twist(self, place: Place) -> str | None:
        """The code of what is wrong with the writing of the value at `place`, if anything is."""
        code, _ = self._twisted.get(place, (None, None))
        return code

    def advise(self, place: Place, hint: str) -> None:
        """Another hint for the twisted value at `place`, by one who knows what is wanted there."""
        _, index = self._twisted[place]
        if index is not None:
            errors = self._told[Severity.ERROR]
            key, problem = errors[index]
            errors[index] = key, replace(problem, hint=hint)

    def add_broken_scene(self) -> None:
        """Count one more scene with errors."""
        self._broken_scenes += 1

    def gives_up(self, scenes: int) -> bool:
        """Whether so many more scenes are left unchecked: very many have errors already, and none will be used."""
        is_enough = self._broken_scenes >= limits.PROBLEMS
        self._unchecked_scenes += scenes * is_enough
        return is_enough

    def _add(
        self, severity: Severity, code: str, message: str, at: Spot | None, hint: Hint, cause: Path | str | None = None
    ) -> int | None:
        """Which of those told it is; None: it is known, or one too many."""
        self._counts[severity] += 1
        message, key_path = shortened(message, _LONGEST), shortened(at.key_path, _LONGEST) if at else ""
        known, told = self._known[severity], self._told[severity]
        key: object = (code, message, cause) if cause else (code, message, key_path, at and at.place)
        if self._scene is not None:
            self._touched.setdefault((severity, key), {})[self._scene] = None
        if key in known:
            self._repeated += severity is Severity.ERROR and cause is not None
            return None
        known.add(key)
        if len(told) >= limits.PROBLEMS:
            return None
        words = hint() if callable(hint) else hint
        words = words and shortened(words, _LONGEST)
        problem = Problem(severity, code, message, self._path, key_path=key_path, hint=words, cause=cause)
        told.append(((severity, key), self._placed(problem, at.place) if at else problem))
        return len(told) - 1

    def _of_scenes(self, key: object, problem: Problem, names: Sequence[str]) -> Problem:
        numbers = self._touched.get(key) if names else None
        return problem if numbers is None else replace(problem, scenes=tuple(names[number] for number in numbers))

    def _placed(self, problem: Problem, at: Place) -> Problem:
        if at.assignment is not None:
            return replace(problem, path=Path(at.assignment.partition(" ")[0]), source_line=at.assignment)
        place = self._clamped(at)
        line = self._lines[place.line - 1].rstrip("\r")
        return replace(problem, line=place.line, column=place.column, source_line=line)

    def _others(self, severity: Severity) -> list[Problem]:
        """How many are not told."""
        count = len(self._known[severity]) - len(self._told[severity])
        if not count:
            return []
        message = f"{count:,} more {severity.value}{'s' * (count > 1)} in this file"
        hint = f"the first {limits.PROBLEMS} are told; what is wrong with them may be wrong with the others"
        return [Problem(severity, "more-problems", message, self._path, hint=hint, count=count)]

    def _unchecked(self) -> list[Problem]:
        if not self._unchecked_scenes:
            return []
        message = f"{self._unchecked_scenes:,} more scenes in this file are not checked"
        hint = f"{limits.PROBLEMS} have errors: mend those first"
        return [Problem(Severity.ERROR, "unchecked-scenes", message, self._path, hint=hint)]

    def _clamped(self, place: Place) -> Place:
        """A parser may point behind the end of a file; the end of its last written line says more."""
        if place.line <= len(self._lines) and (self._lines[place.line - 1].strip() or place.line == 1):
            return place
        last = self._last_written[min(place.line, len(self._lines)) - 1]
        return Place(last, len(self._lines[last - 1].rstrip()) + 1)

    @cached_property
    def _last_written(self) -> list[int]:
        """For each line the last one up to it that is not blank, counted from 1."""
        written = (index if line.strip() else 1 for index, line in enumerate(self._lines, 1))
        return list(accumulate(written, max))
