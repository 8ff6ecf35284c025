"""A matrix stands for a document for each combination of its values."""

from __future__ import annotations

import pytest

from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.problems import Problem
from contextgen_cli.scene.parse.matrix import rows
from contextgen_cli.scene.parse.nodes import Place, plain, planted

BOX = {"x": 0, "y": 0, "width": 64, "height": 64}
SCENE = {
    "version": 1,
    "prompt": "a crab",
    "canvas": {"width": 64, "height": 64},
    "references": {"crab": {"image": "crab.png"}},
    "instances": [{"reference": "crab", "box": BOX}],
}


def expand(**changes: object) -> tuple[list[dict[str, object]], list[object], list[Problem]]:
    """The documents, the values that made each, and what is wrong."""
    report = ProblemCollector(None)
    found = rows(planted({**SCENE, **changes}, Place(1, 1)), report)
    return [plain(row.root) for row in found], [row.values for row in found], report.problems  # type: ignore[misc]


def test_without_one_the_document_stands_for_itself() -> None:
    assert expand() == ([SCENE], [()], [])


def test_every_combination_the_last_key_turning_fastest() -> None:
    documents, values, problems = expand(prompt="${who} in ${where}", matrix={"who": ["a", "b"], "where": ["x", "y"]})
    assert problems == []
    assert [document["prompt"] for document in documents] == ["a in x", "a in y", "b in x", "b in y"]
    assert values[1] == (("who", "a"), ("where", "y"))
    assert all("matrix" not in document for document in documents)


def test_a_value_that_stands_alone_keeps_its_kind_and_within_a_text_becomes_text() -> None:
    (document,), _, problems = expand(prompt="${n} crabs", sampling={"steps": "${n}"}, matrix={"n": [4]})
    assert problems == []
    assert (document["prompt"], document["sampling"]) == ("4 crabs", {"steps": 4})


def test_a_list_is_put_in_everywhere() -> None:
    (document,), _, _ = expand(seeds=["${first}", 7], matrix={"first": [3]})
    assert document["seeds"] == [3, 7]


def test_two_dollars_are_a_literal_one() -> None:
    (document,), _, problems = expand(prompt="$${who} costs $5, ${who}", matrix={"who": ["a"]})
    assert (document["prompt"], problems) == ("${who} costs $5, a", [])


@pytest.mark.parametrize(
    ("changes", "code", "message", "hint"),
    [
        ({"prompt": "a ${plac}", "matrix": {"place": ["x"]}}, "unknown-matrix-key", "`${plac}` is no key", "place"),
        ({"prompt": "a ${x}"}, "unknown-matrix-key", "`${x}` is no key", "declare it under `matrix`"),
        ({"matrix": {"n": [1]}}, "unused-matrix-key", "`n` is never used", "write `${n}` somewhere, or remove it"),
        ({"prompt": "a ${", "matrix": {}}, "empty-list", "`matrix` is empty", ""),
        ({"prompt": "a ${"}, "bad-substitution", "`${` without a name and a `}`", "write `$${`"),
        ({"prompt": "a ${1}"}, "bad-substitution", "`${` without a name and a `}`", "write `$${`"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_comes_of_it(changes, code, message, hint) -> None:
    documents, _, problems = expand(**changes)
    assert documents == []
    assert [problem.code for problem in problems] == [code]
    assert message in problems[0].message and hint in (problems[0].hint or "")


def test_a_misspelt_use_is_one_error_not_two() -> None:
    _, _, problems = expand(prompt="a ${plac}", matrix={"place": ["x"]})
    assert [problem.key_path for problem in problems] == ["prompt"]


def test_too_many_rows_are_counted_not_made() -> None:
    documents, _, problems = expand(prompt="${a} ${b}", matrix={"a": list(range(1, 1001)), "b": list(range(1, 1001))})
    assert documents == []
    assert [(problem.code, problem.message.split(";")[0]) for problem in problems] == [
        ("matrix-too-large", "1,000,000 scenes from one matrix")
    ]


def test_what_values_are_put_in_how_often_is_counted_before_it_is_done() -> None:
    documents, _, problems = expand(prompt="${a} " * 1_000, matrix={"a": ["x", "x" * 100_000]})
    assert documents == []
    assert [(problem.code, problem.message.partition(": ")[2]) for problem in problems] == [
        ("matrix-too-large", "more than 64 MiB")
    ]
