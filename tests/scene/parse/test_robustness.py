"""Whatever the text is: problems come back, exceptions do not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from good_scene import GOOD, Check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contextgen_cli.scene.check.problems import as_github, as_json, as_sarif, as_text

RELAXED = settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SNIPPETS = ["{", "}", "[", "]", ":", "- ", "&a", "*a", "!!x", "<<", "${x}", "matrix:", "\n", "\t", "---\n", '"', "'"]
SNIPPETS += ["no", "1e9", "-1", "9" * 30, "null", "seeds: [1]\n", "seed: 2\n", "x: ", "crab", "%", "|", "?", "蟹", "\\"]


def assert_told(check: Check, data: bytes, name: str) -> None:
    loaded = check(data, name=name, deep=True)
    for problem in loaded.problems:
        assert as_text(problem) and as_json(problem) and as_github(problem)
    as_sarif(loaded.problems, "0")
    assert loaded.errors or loaded.scenes


@pytest.mark.parametrize("name", ["scene.yaml", "scene.json"])
@RELAXED
@given(data=st.binary(max_size=200))
def test_any_bytes(data: bytes, name: str, check: Check) -> None:
    assert_told(check, data, name)


@pytest.mark.parametrize("name", ["scene.yaml", "scene.json"])
@RELAXED
@given(text=st.lists(st.sampled_from([*SNIPPETS, *GOOD.split("\n")]), max_size=30))
def test_any_tokens(text: list[str], name: str, check: Check) -> None:
    assert_told(check, " ".join(text).encode(), name)


@RELAXED
@given(seed=st.integers(0, 10**6))
def test_mutated_scenes(seed: int, check: Check, folder: Path) -> None:
    chance = random.Random(seed)
    text = GOOD
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(["", *SNIPPETS]) + text[at + chance.randrange(12) :]
    assert_told(check, text.encode(), "scene.yaml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = ["version", "prompt", "canvas", "canvas.width", "references", "references.crab", "references.crab.image"]
PATHS += ["references.bag.crop", "references.bag.mask", "instances", "instances[0]", "instances[0].box", "layout"]
PATHS += ["instances[1].box.left", "instances[0].fit", "seeds", "seed", "count", "sampling", "sampling.steps"]
PATHS += ["model", "name", "matrix", "matrix.x", "new", "instances[9]", ""]


@RELAXED
@given(path=st.sampled_from(PATHS), value=VALUES)
def test_any_value_anywhere(path: str, value: object, check: Check) -> None:
    loaded = check(GOOD, assignments=((path, value),))
    assert loaded.errors or loaded.scenes
