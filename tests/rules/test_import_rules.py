"""Who may import whom: the upper floor the lower only (docs/architecture.md). Imports inside functions count too."""

from __future__ import annotations

import ast
import re

import pytest
from sources import MODULES, SOURCES, Source

from contextgen_cli.cli import COMMANDS

# Top to bottom. A package may import itself, what is below its floor, and nothing beside it.
COMMAND_LINE = (
    {"__main__"},
    {"cli"},
    {"studio", "commands", "api"},
    {"app", "report"},
    {"models", "terminal"},
    {"batch"},
    {"records"},
    {"scene"},
    {"errors", "resources", ""},
)
LIBRARY = ({""}, {"training", "evaluation"}, {"backends", "data"}, {"codec", "method"}, {"weights"}, {"pictures"})
FORBIDDEN = {  # beside the floors: what a package must never know
    "contextgen_cli.api": r"contextgen_cli\.terminal(\..*)?",
    "contextgen_cli.app": r"contextgen_cli\.terminal(\..*)?",
    "contextgen_cli.report": r"contextgen_cli\.terminal(\..*)?",
    "contextgen_cli.commands": r"contextgen(\..*)?",
    "contextgen_cli.terminal": r"contextgen_cli\.batch\.(?!plan|worker)\w+",
    "contextgen_cli.batch": r"contextgen_cli\.scene\.(?!scene|limits)\w+|contextgen(\..*)?",
    "contextgen_cli.records": r"contextgen(\..*)?",
    "contextgen_cli.scene": r"contextgen(\.(?!pictures\.).*)?",  # what a picture is read as holds for all who read one
    "contextgen.method": r"torch|diffusers",
    "contextgen.pictures": r"torch|diffusers",
}
HEAVY = {"torch", "diffusers", "transformers", "numpy", "accelerate", "safetensors", "contextgen"}
LIGHT = {
    "contextgen.backends.choices",
    "contextgen.backends.flux_kontext.flux_numerics",
    "contextgen.method.ablations",
}  # of the library: the lists that options are made of
LIGHT |= {
    f"contextgen.pictures.{name}" for name in ("colours", "masks", "orientation", "reading", "transparency", "turning")
}


def place(module: str) -> tuple[str, str]:
    """The distribution's root package and the package below it: `contextgen_cli.scene.check.images` -> scene."""
    root, _, rest = module.partition(".")
    return root, rest.split(".")[0]


def may_import(importer: str, target: str) -> bool:
    """Whether the floors and the table let one module import another."""
    for package, pattern in FORBIDDEN.items():
        if f"{importer}.".startswith(f"{package}.") and re.fullmatch(pattern, target):
            return False
    (root, package), (target_root, target_package) = place(importer), place(target)
    if root == "contextgen":
        return target_root == root and _below(LIBRARY, package, target_package)
    return target_root == "contextgen" or _below(COMMAND_LINE, package, target_package)


def _below(floors: tuple[set[str], ...], package: str, target: str) -> bool:
    above, below = (next(index for index, floor in enumerate(floors) if name in floor) for name in (package, target))
    return package == target or above < below


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_imports_point_down(source: Source) -> None:
    wrong = [
        f"{source.path.name}:{line} imports {target}"
        for target, line in source.imports()
        if not may_import(source.name, target)
    ]
    assert not wrong


def test_a_verb_imports_no_other_verb() -> None:
    verbs = {f"contextgen_cli.commands.{name}" for name in COMMANDS}
    wrong = {(s.name, target) for s in SOURCES if s.name in verbs for target, _ in s.imports() if target in verbs}
    assert not wrong


def test_click_is_known_to_front_ends_only() -> None:
    knowing = {place(source.name)[1] for source in SOURCES if _imports_of(source) & {"click"}}
    assert knowing <= {"cli", "commands", "terminal"}


def test_families_of_models_know_nothing_of_each_other() -> None:
    wrong = []
    families = "|".join({name.split(".")[2] for name in MODULES if re.match(r"contextgen\.backends\.\w+\.", name)})
    for source in SOURCES:
        family = re.match(r"contextgen\.backends\.(\w+)\.", source.name)
        others = re.compile(rf"contextgen\.backends\.({families})\.")
        for target, line in source.imports():
            named = others.match(f"{target}.")
            if family and named and named[1] != family[1]:
                wrong.append(f"{source.name}:{line} imports {target}")
    assert not wrong


def test_the_command_line_imports_nothing_heavy_at_the_top() -> None:
    wrong = [
        f"{source.name}:{node.lineno} imports {name}"
        for source in SOURCES
        if source.name.startswith("contextgen_cli")
        for node in top_imports(source.tree.body)
        for name in names(node)
        if name.split(".")[0] in HEAVY and name not in LIGHT
    ]
    assert not wrong


def top_imports(body: list[ast.stmt]) -> list[ast.Import | ast.ImportFrom]:
    """What runs when the module is imported; `if TYPE_CHECKING:` does not."""
    return [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


def names(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def _imports_of(source: Source) -> set[str]:
    nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {name.split(".")[0] for node in nodes for name in names(node)}


@pytest.mark.parametrize(
    ("importer", "target", "allowed"),
    [
        ("contextgen_cli.scene.loader", "contextgen_cli.errors", True),
        ("contextgen_cli.scene.loader", "contextgen_cli.terminal.console", False),
        ("contextgen_cli.batch.plan", "contextgen_cli.models.renderer", False),
        ("contextgen_cli.batch.plan", "contextgen_cli.scene.loader", False),
        ("contextgen_cli.records.record", "contextgen_cli.batch.plan", False),
        ("contextgen_cli.app.replay", "contextgen_cli.commands.replay", False),
        ("contextgen_cli.app.replay", "contextgen_cli.terminal.console", False),
        ("contextgen_cli.commands.replay", "contextgen.method.layout", False),
        ("contextgen_cli.models.renderer", "contextgen.backends.base", True),
        ("contextgen.method.layout", "contextgen_cli.scene.scene", False),
        ("contextgen.method.layout", "contextgen.backends.flux_kontext.pipeline", False),
        ("contextgen.weights.card", "contextgen.method.blocks", False),
        ("contextgen.training.trainer", "contextgen.evaluation.systems", False),
    ],
)
def test_the_rule_itself(importer: str, target: str, allowed: bool) -> None:
    assert may_import(importer, target) is allowed
