"""Whatever the text is: problems come back, exceptions do not."""

from __future__ import annotations

import random
import time
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


LONGEST = 6.0  # seconds of computing, on a slow machine; what is quadratic takes minutes
LARGE = {  # each within the limits of a file, and slow where something is quadratic
    "a percentage of 200,000 digits": GOOD.replace("50%", "9" * 200_000 + "%"),
    "a number of underscores": "version: " + "1_" * 400_000 + "x",
    "10,000 missing references": GOOD.replace(
        "  crab:", "".join(f"  r{index}: {{image: missing-{index}.png}}\n" for index in range(10_000)) + "  crab:"
    ),
    "10,000 broken references": GOOD.replace(
        "  crab:", "".join(f"  r{index}: {{image: 5}}\n" for index in range(10_000)) + "  crab:"
    ),
    "100,000 lines of ---": "---\n" * 100_000,
    "90,000 directives": "%YAML 1.1\n" * 90_000,
    "90,000 duplicate keys": GOOD + "seed: 1\n" * 90_000,
    "40,000 unknown keys": GOOD + "".join(f"promptt{index}: 1\n" for index in range(40_000)),
    "a key of a megabyte": GOOD + "k" * 900_000 + ": 1\n",
    "a line of letters without width": GOOD.replace("A crab", "a" + "\u0301" * 400_000) + "x: 1\n",
    "a prompt of a megabyte": GOOD.replace("A crab", "x" * 900_000),
    "instances without end": GOOD + "  - {reference: x, box: {x: a, y: b, width: c, height: d}}\n" * 9_000,
    "a template that explodes": GOOD.replace("A crab", "${a}" * 100_000) + f'matrix: {{a: ["{"x" * 300_000}"]}}\n',
    "a matrix of fat scenes": GOOD.replace("A crab", "${a}")
    + f"seeds: {list(range(9_000))}\nmatrix: {{a: {list(range(9_000))}}}\n",
    "a matrix of many keys": GOOD.replace("A crab", "".join(f"${{a{index}}}" for index in range(9_000)))
    + f"matrix: {{{', '.join(f'a{index}: [1, 2, 3]' for index in range(9_000))}}}\n",
}
LARGE_JSON = {
    "braces that nobody closes": "{\n" * 500_000,
    "quotes that nobody closes": '{"a\n' * 250_000,
    "seeds of two kinds": '{"seeds": [' + ", ".join(f'{index}, "{index}"' for index in range(40_000)) + "]}",
    "one long line": '{"version": 1, ' + ", ".join(f'"k{index}": 1' for index in range(40_000)) + "}",
    "half characters": '{"a": [' + ", ".join(['"\\ud800"'] * 40_000) + "]}",
    "escapes that are none": '{"a\\q": 1}\n' * 90_000,
}


@pytest.mark.parametrize("kind", [*LARGE, *LARGE_JSON])
def test_any_file_within_the_limits_is_done_in_a_moment(kind: str, check: Check) -> None:
    name, text = ("scene.yaml", LARGE[kind]) if kind in LARGE else ("scene.json", LARGE_JSON[kind])
    began = time.process_time()
    loaded = check(text, name=name, models=("kontext",))
    told = "\n".join(map(as_text, loaded.problems))
    assert loaded.errors and time.process_time() - began < LONGEST
    assert len(told) < 250_000


@pytest.mark.parametrize("place", ["box: {x: 0,", "crab.png, crop: {x: 0, y: 0, width: 9, height: 9,"])
@pytest.mark.parametrize("value", ["px", "null", "[1]", "{a: 1}", "1.5", "true"])
def test_an_unknown_key_of_any_value_hides_nothing(place: str, value: str, check: Check) -> None:
    written = place.split(",")[0] if place.startswith("box") else "crab.png"
    text = GOOD.replace(written, f"{place} extra: {value}" + ("}" if "crop" in place else ""), 1)
    assert [problem.code for problem in check(text + "promt: x\n").errors] == ["unknown-key"] * 2


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan"), 10**40, [[1, float("inf")]]])
@pytest.mark.parametrize("key", ["canvas.width", "seed", "instances[0].box.x", "prompt"])
def test_numbers_that_no_file_can_hold_are_not_set(key: str, value: object, check: Check) -> None:
    (problem,) = check(GOOD, assignments=((key, value),)).errors
    assert (problem.code, problem.place) == ("bad-assignment", "--set")
