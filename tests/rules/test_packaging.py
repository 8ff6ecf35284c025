"""What is declared, pinned and shipped agrees."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sources import REPOSITORY

import contextgen_cli
from contextgen_cli.resources import resource

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
DECLARED = [*PROJECT["project"]["dependencies"], *EXTRAS["train"], *EXTRAS["dev"]]
SHIPPED = (
    "schemas/scene.schema.json",
    "schemas/events.schema.json",
    "scenes/two-subjects.yaml",
    "scenes/refs/crab.png",
)


def pins() -> list[Requirement]:
    lines = (REPOSITORY / "requirements.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.13"])
def test_every_dependency_is_pinned_within_its_range(python: str) -> None:
    applying = [pin for pin in pins() if not pin.marker or pin.marker.evaluate({"python_version": python})]
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in applying}
    assert len(versions) == len(applying), "a package is pinned twice"
    for need in map(Requirement, DECLARED):
        if need.name != "contextgen":
            assert versions[canonicalize_name(need.name)] in need.specifier, need


def test_pins_are_exact_and_name_no_place() -> None:
    assert all(re.fullmatch(r"==[\d.]+", str(pin.specifier)) and not pin.url for pin in pins())


def test_the_version_is_written_once() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "contextgen_cli/__init__.py"
    changes = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert f"## {contextgen_cli.__version__} " in changes


def test_model_and_objects_travel_in_the_wheel() -> None:
    """They lie in a package that is shipped whole, and git does not pass them over."""
    assert "model/contextgen" in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    for name in ("mini/model_index.json", "mini/contextgen.json", "data/objects.zip"):
        path = REPOSITORY / "model" / "contextgen" / name
        assert path.is_file()
        asked = subprocess.run(["git", "check-ignore", "-q", str(path)], cwd=REPOSITORY, check=False)
        assert asked.returncode != 0


@pytest.mark.parametrize("name", ["page.html", "page.css", "page.js", "samples.html", "samples.css"])
def test_the_report_travels_in_the_wheel(name: str) -> None:
    assert "contextgen_cli" in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert (REPOSITORY / "contextgen_cli" / "report" / name).is_file()


@pytest.mark.parametrize("name", SHIPPED)
def test_resources_are_there_and_travel_in_the_wheel(name: str) -> None:
    assert resource(name).is_file()
    folder = name.split("/")[0]
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert shipped[folder] == f"contextgen_cli/{folder}"
