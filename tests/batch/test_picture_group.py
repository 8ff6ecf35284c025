"""Processes that paint together: all of them are there for every picture, and what befalls one is told as its own."""

from __future__ import annotations

import pytest
from painters import job, make_joint

from contextgen_cli.batch.picture_group import PictureGroup
from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.errors import DeviceError, EnvironmentProblem, JobError

pytestmark = pytest.mark.processes


@pytest.fixture
def team():
    with PictureGroup(make_joint(RankPlace(0, 2)), make_joint, 2) as team:
        yield team


def painted(team: PictureGroup, name: str):
    team.open(job(name))
    return team.render(job(name), lambda step: None)


def test_a_picture_that_fails_in_one_process_fails_and_the_next_is_painted(team):
    assert painted(team, "a").size == (16, 16)
    with pytest.raises(JobError, match="no") as caught:
        painted(team, "bad")
    assert caught.value.hint == "try"
    assert painted(team, "b").size == (16, 16)


def test_a_process_that_dies_at_a_picture_fails_it_and_is_started_anew(team):
    with pytest.raises(JobError, match=r"died \(exit code -9\)"):
        painted(team, "bomb")
    assert painted(team, "a").size == (16, 16)


def test_what_went_wrong_in_one_is_told_and_not_that_others_lost_it():
    with (
        PictureGroup(make_joint(RankPlace(0, 3)), make_joint, 3) as team,
        pytest.raises(JobError, match="the last one's own"),
    ):
        painted(team, "last")


def test_a_model_that_cannot_be_opened_in_one_process_is_told(team):
    team.open(job("large"))
    with pytest.raises(DeviceError, match="does not fit"):
        team.render(job("large"), lambda step: None)


def test_what_relieved_one_process_relieves_those_that_are_started_anew(team):
    with pytest.raises(JobError, match="too little"):
        painted(team, "greedy")
    assert team.reduce_memory(job("greedy")) == "nothing"
    assert team.render(job("greedy"), lambda step: None).size == (16, 16)


def test_a_process_that_dies_as_it_begins_ends_the_run():
    with (
        PictureGroup(make_joint(RankPlace(0, 2)), make_nothing, 2) as team,
        pytest.raises(EnvironmentProblem, match="exit code 1"),
    ):
        team.open(job("a"))


def make_nothing(place: RankPlace):
    raise SystemExit(1)
