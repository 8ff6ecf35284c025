"""The docs hold: commands run as written, links lead somewhere, the file tree is the tree."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

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
def test_commands_run_as_written(
    page: Path, tmp_path: Path, contextgen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, each as a shell would hand it over."""
    (tmp_path / "scenes").symlink_to(REPOSITORY / "scenes")
    settings = {"MODEL": TINY, "ADAPTER": TINY / "adapter", "STEPS": 1, "SIZE": "128x128", "DEVICE": "cpu"}
    for name, value in settings.items():
        monkeypatch.setenv(f"CONTEXTGEN_{name}", str(value))
    monkeypatch.chdir(tmp_path)
    for command in commands(page):
        _, *words = shlex.split(command)
        done = contextgen(*(found for word in words for found in sorted(map(str, Path().glob(word))) or [word]))
        assert done.code == 0, (command, done.err)


def commands(page: Path) -> list[str]:
    """The `$ contextgen …` lines of the page's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    found = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ contextgen ")]
    assert found, f"{page.name} shows no commands"
    assert not [line for line in found if re.search(r"[|<>;&$`]", line)], "only a shell understands that"
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


def test_the_tree_of_the_architecture_page_is_the_tree() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8").partition("## What is where")[2]
    tree = re.search(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
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


def test_every_verb_is_on_a_page_that_is_read_from_its_beginning() -> None:
    pages = [
        REPOSITORY / "README.md",
        *(REPOSITORY / "docs" / f"{name}.md" for name in ("guide", "batches", "training")),
    ]
    told = "".join(page.read_text("utf-8") for page in pages)
    assert [verb for verb in COMMANDS if f"contextgen {verb}" not in told] == []


def test_the_readme_is_read_in_a_minute() -> None:
    assert 60 <= len((REPOSITORY / "README.md").read_text("utf-8").splitlines()) <= 90


def test_the_guide_names_every_key_of_a_model_card() -> None:
    guide = (REPOSITORY / "docs" / "guide.md").read_text("utf-8")
    keys = {field.name for field in fields(ModelCard)} - {"token_side"}  # read from the VAE, never stated
    assert [key for key in sorted(keys) if f"`{key}`" not in guide] == []


@every_page
def test_pages_show_no_machine(page: Path) -> None:
    assert not re.findall(r"/(?:home|root|Users|work)/", page.read_text("utf-8"))
