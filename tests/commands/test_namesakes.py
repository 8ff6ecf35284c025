"""A folder that has the name of a model's alias does not take its place: the alias is meant, and that is said."""

from __future__ import annotations

import shutil

import pytest
from painting import TINY_MODEL, write_scene

SAID = "--model mini is the model of that alias; the folder of its name here is ./mini"
CANVAS = {"width": 128, "height": 128}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder that has the tiny model in a folder called mini."""
    shutil.copytree(TINY_MODEL, tmp_path / "mini")
    write_scene(tmp_path / "s.yaml", canvas=CANVAS)
    monkeypatch.chdir(tmp_path)


def planned(contextgen, *options: object) -> tuple[int, str]:
    """How many steps are planned, which differ, and what was said."""
    result = contextgen("render", "s.yaml", "--dry-run", "--json", "--device", "cpu", *options)
    assert result.code == 0
    return result.records[0]["steps"], result.err


def test_an_alias_is_the_model_that_it_names(contextgen):
    steps, said = planned(contextgen, "--model", "mini")
    assert steps == 12 and said.count(SAID) == 1
    shutil.rmtree("mini")
    assert planned(contextgen, "--model", "mini") == (12, "")


def test_a_folder_is_named_as_one(contextgen):
    steps, said = planned(contextgen, "--model", "./mini")
    assert steps == 28 and SAID not in said
    assert planned(contextgen)[0] == 12  # nor does the default look here


@pytest.mark.parametrize("command", [("validate", "s.yaml"), ("compose", "s.yaml", "-o", "s.png"), ("doctor",)])
def test_every_verb_says_so(contextgen, command):
    result = contextgen(*command, "--model", "mini")
    assert result.code == 0 and result.err.count(SAID) == 1
