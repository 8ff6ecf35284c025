"""The project's own source files, as parsed trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Source:
    """One module: its dotted name and its tree."""

    name: str
    path: Path
    tree: ast.Module

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every project module that this one imports, at the top or inside a function, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names if alias.name in MODULES)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((target, node.lineno) for target in self._targets(node))

    def _targets(self, node: ast.ImportFrom) -> set[str]:
        """`from package import module` imports the module, `from module import name` the module too."""
        assert node.level == 0, f"{self.path}:{node.lineno}: a relative import"
        named = {f"{node.module}.{alias.name}" for alias in node.names}
        return (named & MODULES) or ({str(node.module)} & MODULES)


def _paths() -> dict[str, Path]:
    roots = (REPOSITORY, "contextgen_cli"), (REPOSITORY / "model", "contextgen")
    found = {}
    for root, package in roots:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


PATHS = _paths()
MODULES = frozenset(PATHS)
SOURCES = tuple(Source(name, path, ast.parse(path.read_text("utf-8"))) for name, path in PATHS.items())
