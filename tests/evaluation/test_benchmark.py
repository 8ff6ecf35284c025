"""The loop and the aggregates, with a benchmark that needs what published ones do: buckets, subsets, an average."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image

from contextgen.evaluation.benchmark import SECONDS, Measured, measured, rows
from contextgen.evaluation.cases import Case
from contextgen.evaluation.metrics import Metric, Rate, mean
from contextgen.evaluation.systems import System


class Reds:
    """How red a picture is; cases of three references or more also have faces, and fall into a larger bucket too."""

    name = "reds"
    metrics = (
        Metric("red", "red"),
        Metric("is_red", "red", "%", aggregate=Rate.of),
        Metric("face", "face", higher_is_better=False),
        Metric("average", "AVG", aggregate=lambda red, face: (mean(red) + mean(face)) / 2, of=("red", "face")),
    )
    count = 3

    def cases(self) -> Iterator[Case]:
        for number, groups in enumerate([("2", "fewer"), ("3", "fewer"), ("4", "more")]):
            yield Case(f"case {number}", groups, "a prompt", (), None, (4, 4), number)

    def measure(self, case: Case, picture: Image.Image) -> dict[str, list[float]]:
        red = picture.getpixel((0, 0))[0]
        scores: dict[str, list[float]] = {"red": [red], "is_red": [red > 100]}
        return scores if case.groups[0] == "2" else {**scores, "face": [float(case.seed)] * case.seed}


def painted(case: Case) -> Image.Image:
    return Image.new("RGB", case.size, (100 * case.seed, 0, 0))


@pytest.fixture
def found() -> list[Measured[Case]]:
    systems = [System("model", painted, painted=True), System("black", lambda case: Image.new("RGBA", case.size))]
    return list(measured(Reds(), systems))


def test_every_system_answers_every_case_case_by_case(found):
    assert [(one.result.case, one.result.system) for one in found] == [
        (f"case {number}", system) for number in range(3) for system in ("model", "black")
    ]
    assert all(one.picture.mode == "RGB" for one in found)


def test_only_a_models_time_is_taken(found):
    timed = {one.result.system: one.result.scores.get("seconds") for one in found}
    assert timed["model"][0] > 0
    assert timed["black"] is None
    aggregates = {row.system: row.values["seconds"] for row in rows([SECONDS], [one.result for one in found])}
    assert aggregates["model"] > 0
    assert aggregates["black"] is None


def test_scores_are_pooled_in_every_group_of_their_case(found):
    by = {(row.group, row.system): row.values for row in rows(Reds.metrics, [one.result for one in found])}
    assert [group for group, system in by if system == "model"] == ["2", "fewer", "3", "4", "more"]
    assert by["fewer", "model"]["red"] == 50
    assert by["4", "model"]["is_red"].share == 1
    assert by["fewer", "black"]["is_red"].count == 2


def test_a_metric_that_no_case_asks_for_has_no_value(found):
    by = {row.group: row.values for row in rows(Reds.metrics, [one.result for one in found]) if row.system == "model"}
    assert by["2"]["face"] is None and by["2"]["average"] is None
    assert by["more"]["face"] == 2
    assert by["fewer"]["average"] == (50 + 1) / 2  # of pooled scores
