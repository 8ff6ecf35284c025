"""From the arguments of a command to scenes, with every problem of every file at once.

Each document goes through the same steps: values are set from the command line, its matrix is expanded, and
each row is held against the schema, drafted, and checked for its meaning and its images.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, MutableSet, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from contextgen_cli.scene import limits, naming
from contextgen_cli.scene.check import checks, image_checks, model_checks, schema
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.problems import Problem, Severity
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
    models: Collection[str] | None = None  # the aliases that `model` may name; None: any
    limits_of: Callable[[str | None], ModelLimits | None] | None = None  # of the model that a scene names; None: any
    verified: MutableSet[str] | None = None  # references that need not be decoded again; what is verified now is added


@dataclass(frozen=True, slots=True)
class Loaded:
    """The scenes that can be used, in order, and all problems. With any error, not every scene is there."""

    scenes: tuple[Scene, ...]
    problems: tuple[Problem, ...]
    files: int = 0

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
    """A document without error, before it has a name."""

    draft: Draft
    source: SceneSource
    rows: int
    report: ProblemCollector

    @property
    def origin(self) -> naming.Origin:
        source = self.source
        return naming.Origin(source.path, source.document, source.matrix_row, self.rows, self.draft.name)


def load(arguments: Sequence[str], options: LoadOptions, stdin: TextIO | None = None) -> Loaded:
    """Read the scenes of files, folders, globs and `-` (`stdin`). Problems are returned, never raised."""
    paths, problems = find(arguments)
    reports: list[ProblemCollector] = []
    found: list[_Read] = []
    for path in paths:
        text, report = sources.read(path, stdin)
        reports.append(report)
        if text is not None:
            found += _documents(text, path, report, options)
    scenes = _named(found)
    problems += [problem for report in reports for problem in report.problems]
    if options.strict:
        problems = [replace(problem, severity=Severity.ERROR) for problem in problems]
    return Loaded(scenes, tuple(dict.fromkeys(problems)), len(paths))


def _documents(text: str, path: Path | None, report: ProblemCollector, options: LoadOptions) -> Iterator[_Read]:
    count = 0
    for index, root in enumerate(sources.documents(text, path, report)):
        count += 1
        if count > limits.DOCUMENTS and path is not None:
            report.error("too-many-documents", f"more than {limits.DOCUMENTS:,} documents in one file")
            return
        if root is not None:
            yield from _rows(root, SceneSource(path, index), report, options)
    if count == 0:
        report.error("empty-file", "there is no scene in this file", hint="`contextgen init` writes one to begin with")


def _rows(root: Node, source: SceneSource, report: ProblemCollector, options: LoadOptions) -> Iterator[_Read]:
    if not isinstance(root.value, dict) and report.twist(root.place):
        return
    if root.value is None:
        hint = "remove the `---`, or write a scene behind it"
        report.error("empty-document", "this document is empty", spot(root), hint)
        return
    if not isinstance(root.value, dict):
        hint = "a scene begins with keys such as `version: 1`"
        report.error("not-a-mapping", "a scene must be a mapping of keys to values", spot(root), hint)
        return
    root = assigned(root, options.assignments, report)
    rows = matrix.rows(root, report)
    for index, row in enumerate(rows):
        in_matrix = matrix.MATRIX in children(root)
        if report.gives_up(len(rows) - index):
            return
        row_source = replace(source, matrix_row=index, values=row.values) if in_matrix else source
        read = _checked(row.root, row_source, report, options)
        if read is not None:
            yield _Read(read, row_source, len(rows), report)


def _checked(root: Node, source: SceneSource, report: ProblemCollector, options: LoadOptions) -> Draft | None:
    """The draft of a document in which no error was found."""
    errors = report.error_count
    broken = schema.check(root, report)
    drafted = draft(root, broken, sources.folder_of(source.path))
    checks.check(drafted, report, options.models)
    if options.limits_of is not None and (model := options.limits_of(drafted.model)) is not None:
        model_checks.check(drafted, report, model)
    if not options.confine or checks.is_confined(drafted, report):
        image_checks.check(drafted, report, deep=options.deep, verified=options.verified)  # else not even touched
    if report.error_count == errors and not broken:
        return drafted
    report.add_broken_scene()
    return None


def _named(found: Sequence[_Read]) -> tuple[Scene, ...]:
    names = naming.names([read.origin for read in found])
    first: dict[str, _Read] = {}
    for name, read in zip(names, found, strict=True):
        clash = first.setdefault(name.lower(), read)
        if clash is not read:
            _report_clash(name, read, clash)
    return tuple(read.draft.scene(name, read.source) for name, read in zip(names, found, strict=True))


def _report_clash(name: str, read: _Read, other: _Read) -> None:
    same_document = (read.source.path, read.source.document) == (other.source.path, other.source.document)
    if same_document:
        hint = "let the name hold a `${key}` of the matrix for each axis"
    else:
        hint = "give each scene its own name, or none"
    at = spot(read.draft.root, "name")
    read.report.error("name-taken", f"another scene of this run is named `{name}` too", at, hint)
