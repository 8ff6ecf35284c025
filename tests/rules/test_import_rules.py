"""Who may import whom (docs/architecture.md). Imports inside functions and for types count too."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase

import pytest
from sources import SOURCES, Source

from contextgen_cli.cli import COMMANDS

# A layer is a module or a package with all that is in it; the longest name that fits a module is its layer.
ALLOWED = {
    "contextgen_cli": "",
    "contextgen_cli.errors": "",
    "contextgen_cli.resources": "",
    "contextgen_cli.scene": "scene.* errors resources",
    "contextgen_cli.output": "scene.scene errors",
    "contextgen_cli.batch": "batch.* output scene.scene scene.limits errors",
    "contextgen_cli.foreign": "errors",
    "contextgen_cli.devices": "nvml errors",
    "contextgen_cli.digests": "output errors",
    "contextgen_cli.settings": "devices errors",
    "contextgen_cli.catalogue": "scene.scene foreign errors contextgen.card contextgen.checkpoints",
    "contextgen_cli.opening": "batch.plan digests devices settings foreign errors contextgen.*",
    "contextgen_cli.rendering": (
        "scene.* batch.plan opening output catalogue devices settings foreign errors contextgen contextgen.*"
    ),
    "contextgen_cli.synthesizing": "errors contextgen.data.*",
    "contextgen_cli.benchmarking": "opening settings output devices foreign errors contextgen contextgen.*",
    "contextgen_cli.training_file": "scene.*",
    "contextgen_cli.training": "errors foreign contextgen.training.*",
    "contextgen_cli.watching": "console progress contextgen.training.watching",
    "contextgen_cli.interruption": "",
    "contextgen_cli.streams": "errors",
    "contextgen_cli.wrapping": "",
    "contextgen_cli.console": "scene.problems streams wrapping errors contextgen_cli",
    "contextgen_cli.progress": "console batch.*",
    "contextgen_cli.drawing": "scene.scene",
    "contextgen_cli.recollection": "scene.scene scene.writing batch.plan output errors",
    "contextgen_cli.inputs": "scene.scene",
    "contextgen_cli.report": (
        "report.* scene.scene scene.images batch.ledger inputs recollection devices output errors resources"
    ),
    "contextgen_cli.replaying": "scene.scene batch.plan inputs recollection rendering settings output errors",
    "contextgen_cli.commands": (
        "commands.* scene.* batch.* training training_file watching rendering synthesizing benchmarking catalogue"
        " inputs recollection report.* replaying settings devices digests output drawing console progress interruption"
        " errors resources contextgen_cli"
    ),
    "contextgen_cli.cli": "scene.nearest console streams interruption errors contextgen_cli",
    "contextgen_cli.__main__": "cli streams interruption errors contextgen_cli",
    "contextgen": "contextgen.*",
    "contextgen.card": "contextgen.blocks",
    "contextgen.layout": "contextgen.card",
    "contextgen.sequence": "contextgen.card contextgen.layout",
    "contextgen.attention": "contextgen.sequence contextgen.layout contextgen.blocks",
}
HEAVY = {"torch", "diffusers", "transformers", "numpy", "accelerate", "safetensors", "contextgen"}


def layer(module: str) -> str:
    return max((name for name in ALLOWED if f"{module}.".startswith(f"{name}.")), key=len)


def may_import(layer: str, target: str) -> bool:
    """Whether the table has the target, which it writes without the `contextgen_cli.` in front."""
    short = target.removeprefix("contextgen_cli.")
    return any(fnmatchcase(short, pattern) for pattern in ALLOWED[layer].split())


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_imports_point_one_way(source: Source) -> None:
    wrong = [
        f"{source.path.name}:{line} imports {target}"
        for target, line in source.imports()
        if not may_import(layer(source.name), target)
    ]
    assert not wrong


def test_a_verb_imports_no_other_verb() -> None:
    verbs = {f"contextgen_cli.commands.{name}" for name in COMMANDS}
    wrong = {(s.name, target) for s in SOURCES if s.name in verbs for target, _ in s.imports() if target in verbs}
    assert not wrong


def test_only_training_and_evaluation_import_the_pipeline() -> None:
    importers = {
        source.name
        for source in SOURCES
        for target, _ in source.imports()
        if target == "contextgen.pipeline" and source.name.startswith("contextgen.")
    }
    assert {name.split(".")[1] for name in importers} <= {"training", "evaluation"}


def test_the_command_line_imports_nothing_heavy_at_the_top() -> None:
    wrong = [
        f"{source.name}:{node.lineno} imports {name}"
        for source in SOURCES
        if source.name.startswith("contextgen_cli")
        for node in top_imports(source.tree.body)
        for name in names(node)
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong


def top_imports(body: list[ast.stmt]) -> list[ast.Import | ast.ImportFrom]:
    """What runs when the module is imported; `if TYPE_CHECKING:` does not."""
    return [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


def names(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


@pytest.mark.parametrize(
    ("layer", "target", "allowed"),
    [
        ("contextgen_cli.scene", "contextgen_cli.errors", True),
        ("contextgen_cli.scene", "contextgen_cli.console", False),
        ("contextgen_cli.batch", "contextgen_cli.rendering", False),
        ("contextgen_cli.batch", "contextgen_cli.scene.loading", False),
        ("contextgen_cli.commands", "contextgen.pipeline", False),
        ("contextgen_cli.rendering", "contextgen.pipeline", True),
        ("contextgen", "contextgen_cli.scene", False),
        ("contextgen.attention", "contextgen.pipeline", False),
        ("contextgen.layout", "contextgen.sequence", False),
    ],
)
def test_the_rule_itself(layer: str, target: str, allowed: bool) -> None:
    assert may_import(layer, target) is allowed
