"""The docs hold: commands run as written, links lead somewhere, the file tree is the tree."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from contextgen.method.method_card import ModelCard
from contextgen_cli.cli import COMMANDS

REPOSITORY = Path(__file__).parents[2]
TINY = REPOSITORY / "tests" / "golden" / "tiny-kontext"
PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "scenes/README.md",
]
PACKAGES = ("contextgen_cli", "model/contextgen")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")


@pytest.mark.parametrize(
    "page", [REPOSITORY / "README.md", REPOSITORY / "docs/guide.md", REPOSITORY / "scenes/README.md"]
)
def test_commands_run_as_written(page: Path, tmp_path: Path) -> None:
    (tmp_path / "scenes").symlink_to(REPOSITORY / "scenes")
    (tmp_path / "contextgen").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m contextgen_cli "$@"\n')
    (tmp_path / "contextgen").chmod(0o755)
    script = "\n".join(["set -e", f"PATH={shlex.quote(str(tmp_path))}:$PATH", *commands(page)])
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'model'}",
        "CONTEXTGEN_MODEL": str(TINY),
        "CONTEXTGEN_ADAPTER": str(TINY / "adapter"),
        "CONTEXTGEN_STEPS": "1",
        "CONTEXTGEN_SIZE": "128x128",
        "CONTEXTGEN_DEVICE": "cpu",
    }
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def commands(page: Path) -> list[str]:
    """The `$ contextgen …` lines of the page's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    found = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ contextgen ")]
    assert found, f"{page.name} shows no commands"
    return found


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    local = [target.split("#") for target in targets if not target.startswith(("http:", "https:"))]
    for path, *heading in local:
        linked = (page.parent / path) if path else page
        assert linked.exists(), f"{page.name}: {path}"
        assert not heading or heading[0] in headings(linked), f"{page.name}: {path}#{heading[0]}"


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_tree_is_the_tree() -> None:
    tree = re.search(r"^```text\n(.*?)^```", (REPOSITORY / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert tree
    listed: set[Path] = set()
    above: list[str] = []
    for line in tree[1].splitlines():
        depth, names = (len(line) - len(line.lstrip())) // 2, re.split(r"\s{2,}", line.strip())
        for name in [name for name in names if re.fullmatch(r"[\w/]+/|\w+\.py", name)]:
            above[depth:] = [name]
            listed.add(Path(*above))
    assert [path for path in sorted(listed) if not (REPOSITORY / path).exists()] == []
    packages = {path.parent.relative_to(REPOSITORY) for root in PACKAGES for path in (REPOSITORY / root).rglob("*.py")}
    assert packages <= listed


def test_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_verb_is_in_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    assert [verb for verb in COMMANDS if f"| `{verb}` |" not in readme] == []


def test_the_guide_names_every_key_of_a_model_card() -> None:
    guide = (REPOSITORY / "docs" / "guide.md").read_text("utf-8")
    keys = {field.name for field in fields(ModelCard)} - {"token_side"}  # read from the VAE, never stated
    assert [key for key in sorted(keys) if f"`{key}`" not in guide] == []


@every_page
def test_pages_show_no_machine(page: Path) -> None:
    assert not re.findall(r"/(?:home|root|Users|work)/", page.read_text("utf-8"))
