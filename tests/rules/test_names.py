"""What a reader looks for by name is found: names are told apart, folders and signatures are taken in at a glance."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from sources import SOURCES, Source

MOST_MODULES = 14
MOST_PARAMETERS = 6
# Called as diffusers calls its own, or as its pipelines are called: with a keyword for everything.
DIFFUSERS_CONVENTIONS = {
    "contextgen.backends.flux_kontext.pipeline.ContextGenPipeline.__init__",
    "contextgen.backends.flux_kontext.pretrained.PretrainedPipeline.from_pretrained",
    "contextgen.backends.flux_kontext.pipeline.ContextGenPipeline.__call__",
    "contextgen.backends.flux_kontext.attention.exact_attention.ExactAttnProcessor.__call__",
}
MODULES = [source for source in SOURCES if source.path.stem != "__init__"]


def test_a_module_is_known_by_its_stem() -> None:
    """A verb may have the name of what it calls in `app`; `schema` prints what `scene/check/schema.py` reads."""
    sharing = defaultdict(set)
    for source in MODULES:
        sharing[source.path.stem].add(source.name.rpartition(".")[0])
    doubled = {stem: packages for stem, packages in sharing.items() if len(packages) > 1}
    allowed = (
        {"contextgen_cli.commands", "contextgen_cli.app"},
        {"contextgen_cli.commands", "contextgen_cli.scene.check"},
    )
    wrong = {
        stem
        for stem, packages in doubled.items()
        if packages != allowed[0] and not (stem == "schema" and packages == allowed[1])
    }
    assert wrong == set()


def test_a_verb_of_one_name_with_a_module_of_app_calls_it() -> None:
    apps = {source.path.stem for source in MODULES if source.name.startswith("contextgen_cli.app.")}
    verbs = {source.path.stem: source for source in MODULES if source.name.startswith("contextgen_cli.commands.")}
    strangers = [
        name
        for name in apps & verbs.keys()
        if f"contextgen_cli.app.{name}" not in {target for target, _ in verbs[name].imports()}
    ]
    assert strangers == []


def test_a_class_is_known_by_its_name() -> None:
    classes = Counter(class_names())
    assert {name for name, times in classes.items() if times > 1} == set()


def test_no_folder_holds_more_than_one_takes_in() -> None:
    folders = Counter(source.name.rpartition(".")[0] for source in MODULES)
    del folders["contextgen_cli.commands"]  # a verb a file, in the one list that a person types from
    assert {name for name, count in folders.items() if count > MOST_MODULES} == set()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_function_asks_for_more_than_one_can_hold(source: Source) -> None:
    wordy = {name for name, node in functions(source.tree, source.name) if asks_for_too_much(node)}
    assert wordy - DIFFUSERS_CONVENTIONS == set()


def test_what_is_excused_is_in_need_of_it() -> None:
    wordy = {
        name for source in SOURCES for name, node in functions(source.tree, source.name) if asks_for_too_much(node)
    }
    assert wordy >= DIFFUSERS_CONVENTIONS


def class_names() -> Iterator[str]:
    return (node.name for source in SOURCES for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))


def functions(tree: ast.AST, within: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function with its dotted name, but those that click calls: it knows each option by its name."""
    for node in ast.iter_child_nodes(tree):
        named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        name = f"{within}.{node.name}" if named else within
        if isinstance(node, ast.FunctionDef) and not any(map(is_clicks, node.decorator_list)):
            yield name, node
        yield from functions(node, name)


def is_clicks(decorator: ast.expr) -> bool:
    """`@click.…`, `@options.verb(…)`, or a group's `@command.command(…)`."""
    called = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return called in ("verb", "options.verb", "command.command") or called.startswith("click.")


def asks_for_too_much(node: ast.FunctionDef) -> bool:
    asked = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in asked if name not in ("self", "cls")]) > MOST_PARAMETERS
