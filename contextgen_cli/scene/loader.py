"""From the arguments of a command to scenes, with the problems of all files.

Each document goes through the same steps: values are set from the command line, its matrix is expanded, and
each row is held against the schema, drafted, and checked for its meaning and its images.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableSet, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from contextgen_cli.scene import limits, naming
from contextgen_cli.scene.check import checks, image_checks, model_checks, schema
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.problems import Problem, Severity, by_cause
from contextgen_cli.scene.drafting import Draft, draft
from contextgen_cli.scene.limits import ModelLimits
from contextgen_cli.scene.parse import matrix, sources
from contextgen_cli.scene.parse.assignments import assigned
from contextgen_cli.scene.parse.finding import find
from contextgen_cli.scene.parse.nodes import Node, children, spot
from contextgen_cli.scene.scene import Scene, SceneSource


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How scenes are read, beside what they say themselves."""

    deep: bool = False  # decode every image
    strict: bool = False  # warnings are errors
    confine: bool = False  # files outside the scene's folder are errors
    assignments: tuple[tuple[str, object], ...] = ()  # key paths and values to put into every document
    prompt: str | None = None  # in place of every document's
    models: Collection[str] | None = None  # the aliases that `model` may name; None: any
    limits_of: Callable[[str | None], ModelLimits | None] | None = None  # of the model that a scene names; None: any
    verified: MutableSet[str] | None = None  # references that need not be decoded again; what is verified now is added
    skip_invalid: bool = False  # the sound scenes will be used without the others: every one is checked


@dataclass(frozen=True, slots=True)
class Loaded:
    """The scenes that can be used, in order, and all problems.

    `left_out`: what cannot be used where there is any error: the names of scenes, and files that are not there.
    `passed_over`: files of folders that have the ending of a scene's, but hold none.
    """

    scenes: tuple[Scene, ...]
    problems: tuple[Problem, ...]
    files: int = 0
    left_out: tuple[str, ...] = ()
    passed_over: tuple[Path, ...] = ()

    @property
    def error_count(self) -> int:
        """Of all errors, also those that no problem tells."""
        return sum(problem.count for problem in self.errors)

    @property
    def warning_count(self) -> int:
        return sum(problem.count for problem in self.warnings)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARNING)


@dataclass(frozen=True, slots=True)
class _Read:
    """A document, or a row of its matrix, before it has a name; `draft` is what can be used of it, if anything."""

    source: SceneSource
    rows: int
    report: ProblemCollector
    draft: Draft | None = None
    is_sound: bool = False

    @property
    def origin(self) -> naming.Origin:
        source, explicit = self.source, None if self.draft is None else self.draft.name
        return naming.Origin(source.path, source.document, source.matrix_row, self.rows, explicit)


def load(arguments: Sequence[str], options: LoadOptions, stdin: TextIO | None = None) -> Loaded:
    """Read the scenes of files, folders, globs and `-` (`stdin`). Problems are returned, never raised."""
    paths, problems, passed_over = find(arguments)
    not_found = tuple(problem.file for problem in problems)
    loader = _Loader(options)
    for path in paths:
        loader.read(path, stdin)
    names, sound = loader.named()
    problems += [problem for report in loader.reports for problem in report.problems_of(names)]
    if options.strict:
        problems = [replace(problem, severity=Severity.ERROR) for problem in problems]
    left_out = tuple(name for number, name in enumerate(names) if number not in sound)
    return Loaded(
        tuple(sound.values()), tuple(by_cause(problems)), len(paths), not_found + left_out, tuple(passed_over)
    )


class _Loader:
    """Reads file after file; what a scene's place in `_found` is, is its number for the reports."""

    def __init__(self, options: LoadOptions) -> None:
        self._options = options
        self._found: list[_Read] = []
        self.reports: list[ProblemCollector] = []

    def read(self, path: Path | None, stdin: TextIO | None) -> None:
        """Read the scenes of one file."""
        text, report = sources.read(path, stdin)
        self.reports.append(report)
        if text is None:
            self._found.append(_Read(SceneSource(path), 1, report))
        else:
            self._documents(text, path, report)

    def _documents(self, text: str, path: Path | None, report: ProblemCollector) -> None:
        count, faults = 0, 0
        for index, root in enumerate(sources.documents(text, path, report)):
            count += 1
            if count > limits.DOCUMENTS and path is not None:
                report.error("too-many-documents", f"more than {limits.DOCUMENTS:,} documents in one file")
                self._found.append(_Read(SceneSource(path, index), 1, report))
                return
            before = len(self._found)
            if root is not None:
                self._rows(root, SceneSource(path, index), report, faults)
            if len(self._found) == before:
                self._found.append(_Read(SceneSource(path, index), 1, report))
            faults = self._faults(report)
        if count == 0:
            hint = "`contextgen init` writes one to begin with"
            report.error("empty-file", "there is no scene in this file", hint=hint)
            self._found.append(_Read(SceneSource(path), 1, report))

    def _rows(self, root: Node, source: SceneSource, report: ProblemCollector, faults: int) -> None:
        """`faults`: as many as there were before the document was read."""
        if not _is_mapping(root, report):
            return
        root = assigned(root, self._options.assignments, report, self._options.prompt)
        rows = matrix.rows(root, report)
        written_well = self._faults(report) == faults
        for index, row in enumerate(rows):
            in_matrix = matrix.MATRIX in children(root)
            if not self._options.skip_invalid and report.gives_up(len(rows) - index):
                return
            row_source = replace(source, matrix_row=index, values=row.values) if in_matrix else source
            report.begin_scene(len(self._found))
            drafted, is_sound = self._checked(row.root, row_source, report)
            report.end_scene()
            self._found.append(_Read(row_source, len(rows), report, drafted, is_sound and written_well))

    def _checked(self, root: Node, source: SceneSource, report: ProblemCollector) -> tuple[Draft, bool]:
        """The draft of a document, and whether nothing is wrong with it."""
        options, errors, faults = self._options, report.new_error_count, self._faults(report)
        broken = schema.check(root, report)
        drafted = draft(root, broken, sources.folder_of(source.path))
        checks.check(drafted, report, options.models)
        touched = not options.confine or checks.is_confined(drafted, report)  # else no file is
        if touched:
            image_checks.check(drafted, report, deep=options.deep, verified=options.verified)
        if options.limits_of is not None and (model := options.limits_of(drafted.model)) is not None:
            model_checks.check(drafted, report, model, deep=options.deep and touched)
        if report.new_error_count > errors or broken:
            report.add_broken_scene()
        return drafted, self._faults(report) == faults and not broken

    def _faults(self, report: ProblemCollector) -> int:
        """What was found so far that keeps a scene from being used."""
        return report.error_count + report.warning_count * self._options.strict

    def named(self) -> tuple[list[str], dict[int, Scene]]:
        """The name of every scene, by its number, and the sound ones."""
        names = naming.names([read.origin for read in self._found])
        first: dict[str, int] = {}
        sound: dict[int, Scene] = {}
        for number, (name, read) in enumerate(zip(names, self._found, strict=True)):
            owner = first.setdefault(name.lower(), number)
            if owner != number:
                _report_clash(name, number, read, self._found[owner])
            elif read.draft is not None and read.is_sound:
                sound[number] = read.draft.scene(name, read.source)
        return names, sound


def _is_mapping(root: Node, report: ProblemCollector) -> bool:
    if isinstance(root.value, dict):
        return True
    if report.twist(root.place):
        return False
    if root.value is None:
        hint = "remove the `---`, or write a scene behind it"
        report.error("empty-document", "this document is empty", spot(root), hint)
    else:
        hint = "a scene begins with keys such as `version: 1`"
        report.error("not-a-mapping", "a scene must be a mapping of keys to values", spot(root), hint)
    return False


def _report_clash(name: str, number: int, read: _Read, other: _Read) -> None:
    assert read.draft is not None, "what has no draft has a name that is free"
    same_document = (read.source.path, read.source.document) == (other.source.path, other.source.document)
    if same_document:
        hint = "let the name hold a `${key}` of the matrix for each axis"
    else:
        hint = "give each scene its own name, or none"
    at = spot(read.draft.root, "name")
    read.report.begin_scene(number)
    read.report.error("name-taken", f"another scene of this run is named `{name}` too", at, hint)
