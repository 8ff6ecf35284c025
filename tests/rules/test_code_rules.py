"""House rules that a reader relies on: one module prints, two borders catch all, the public is explained."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest
from sources import SOURCES, Source

BROAD_CATCHERS = {"contextgen_cli.cli", "contextgen_cli.batch.worker"}
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "manager", "misc", "common", "info"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 66  # a printed page: the numbered steps of the pipeline fill it
TYPED = re.compile(r"(contextgen\.method|contextgen\.backends|contextgen_cli\.app)(\..*)?")
UNTYPED = {
    "contextgen_cli.app.train.configuration",  # reads the values of a training file, which its schema has checked
}

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


@every_source
def test_only_the_console_prints(source: Source) -> None:
    if source.name != "contextgen_cli.terminal.console":
        assert not list(_lines(source, _prints))


@every_source
def test_errors_are_caught_broadly_at_the_two_borders_only(source: Source) -> None:
    if source.name not in BROAD_CATCHERS:
        assert not list(_lines(source, _catches_broadly))


@every_source
def test_what_is_public_in_the_library_is_explained(source: Source) -> None:
    assert ast.get_docstring(source.tree) or not source.tree.body, "the module has no docstring"
    if source.name.startswith("contextgen."):
        assert not [node.name for node in _public(source.tree) if not ast.get_docstring(node)]


@every_source
def test_files_and_functions_stay_readable(source: Source) -> None:
    assert len(source.path.read_text("utf-8").splitlines()) <= LONGEST_FILE
    assert not list(_lines(source, _rambles))


@every_source
def test_public_signatures_have_types(source: Source) -> None:
    if TYPED.fullmatch(source.name):
        assert {name for name, annotation in _public_annotations(source) if _is_any(annotation)} <= UNTYPED


@every_source
def test_names_say_what_is_inside(source: Source) -> None:
    assert source.path.stem not in VAGUE_NAMES


@every_source
def test_annotations_are_lazy(source: Source) -> None:
    """Python 3.10 reads what newer typing writes only so."""
    imports = [node for node in source.tree.body if isinstance(node, ast.ImportFrom)]
    code = [node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert not code or any(node.module == "__future__" for node in imports)


def test_the_borders_are_where_the_rule_says() -> None:
    catchers = {source.name for source in SOURCES if any(_lines(source, _catches_broadly))}
    assert catchers == BROAD_CATCHERS


def _lines(source: Source, rule: Callable[[ast.AST], bool]) -> Iterator[str]:
    return (f"{source.path.name}:{node.lineno}" for node in ast.walk(source.tree) if rule(node))


def _prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _catches_broadly(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")) for kind in kinds
    )


def _rambles(node: ast.AST) -> bool:
    """Whether a function's body, without its docstring, is longer than a page."""
    if not isinstance(node, ast.FunctionDef):
        return False
    first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
    return (node.end_lineno or 0) - first.lineno >= LONGEST_FUNCTION


def _functions(source: Source) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function that is no other's inner one, by its dotted name."""
    for node in source.tree.body:
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef):
                owner = f".{node.name}" if isinstance(node, ast.ClassDef) else ""
                yield f"{source.name}{owner}.{each.name}", each


def _parameters(node: ast.FunctionDef) -> list[ast.arg]:
    """All but `self` and `cls`."""
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    others = [each for each in (node.args.vararg, node.args.kwarg) if each is not None]
    return [each for each in [*named, *others] if each.arg not in ("self", "cls")]


def _public_annotations(source: Source) -> Iterator[tuple[str, ast.expr | None]]:
    """What public functions take and give, and the fields of public classes, by dotted name."""
    for name, node in _functions(source):
        parts = name.removeprefix(source.name).split(".")[1:]
        if all(part.startswith("__") or not part.startswith("_") for part in parts):
            yield from ((name, each.annotation) for each in _parameters(node))
            yield name, node.returns
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            yield from ((f"{source.name}.{node.name}.{ast.unparse(each.target)}", each.annotation) for each in fields)


def _is_any(annotation: ast.expr | None) -> bool:
    """Whether nothing is said of a type or of a part of it."""
    return annotation is None or "Any" in re.findall(r"\w+", ast.unparse(annotation))


def _public(tree: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    """Functions, and classes that do something: a bare error is explained by its name and its messages."""
    tops = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [node for node in tops if not node.name.startswith("_") and not _is_bare_error(node)]


def _is_bare_error(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return isinstance(node, ast.ClassDef) and bool(node.bases) and isinstance(node.body[0], ast.Pass)
