"""What a stranger who reaches the port of a run can do: nothing but end it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from painters import job

from contextgen_cli.batch.hosts.sealing import RUN_KEY, Forged, Seal, run_key
from contextgen_cli.batch.hosts.torch_store import TorchJobStore
from contextgen_cli.batch.serialization import Event, event_to_json, job_to_json
from contextgen_cli.errors import EnvironmentProblem, UsageError
from contextgen_cli.scene.scene import PlacedReference, Reference, Size

KEY = b"a key of the run"
posix = pytest.mark.skipif(os.name == "nt", reason="files' modes")


class Run:
    """The plan's process, a follower, and the bare store that a stranger reaches."""

    def __init__(self) -> None:
        from torch.distributed import HashStore

        self.bare: Any = HashStore()
        self.first = TorchJobStore(self.bare, KEY, leading=True)
        self.follower = TorchJobStore(self.bare, KEY, leading=False)
        self.first.publish([job("a", 0), job("b", 1)])


@pytest.fixture
def run() -> Run:
    return Run()


def test_a_job_that_a_stranger_wrote_is_refused(run) -> None:
    run.bare.set("job/0", job_to_json(job("stolen")).decode())
    with pytest.raises(Forged, match="job/0 was not written by this run") as refused:
        run.follower.job(0)
    assert refused.value.exit_code == 3
    assert run.follower.job(1) == job("b", 1)


def test_a_job_moved_to_another_place_is_refused(run) -> None:
    run.bare.set("job/0", run.bare.get("job/1").decode())
    with pytest.raises(Forged):
        run.follower.job(0)


def test_what_was_sealed_in_an_earlier_run_is_refused_in_this_one(run) -> None:
    old = run.bare.get("job/0").decode()
    again = TorchJobStore(run.bare, KEY, leading=True)
    follower = TorchJobStore(run.bare, KEY, leading=False)
    again.publish([job("c")])
    run.bare.set("job/0", old)
    with pytest.raises(Forged):
        follower.job(0)


def test_a_follower_that_was_given_the_nonce_of_an_earlier_run_is_not_believed(run) -> None:
    earlier = run.bare.get("nonce").decode()
    again = TorchJobStore(run.bare, KEY, leading=True)
    again.publish([job("a", 0), job("b", 1)])
    run.bare.set("nonce", earlier)
    TorchJobStore(run.bare, KEY, leading=False).tell(Event("step", 1, 0, 1))
    with pytest.raises(Forged):
        list(again.hear())


def test_without_the_key_nothing_is_read_or_told(run) -> None:
    stranger = TorchJobStore(run.bare, b"another key, as long", leading=False)
    with pytest.raises(Forged):
        stranger.job(0)
    stranger.tell(Event("step", 1, 0, 1))
    with pytest.raises(Forged, match="events"):
        list(run.first.hear())


def test_an_end_that_a_stranger_announced_is_refused(run) -> None:
    run.bare.set("closed", "over")
    for one in (run.first, run.follower):
        with pytest.raises(Forged, match="closed"):
            _ = one.closed


def test_a_number_of_jobs_that_a_stranger_wrote_is_refused(run) -> None:
    run.bare.set("total", "0" * 64 + "1000000")
    with pytest.raises(Forged, match="total"):
        run.follower.take()


def test_a_job_that_can_wait_is_not_moved_before_the_others(run) -> None:
    """Whoever can only move what is sealed does not even change the order."""
    run.follower.put_back(1, later=True)
    run.bare.queue_push("again", run.bare.queue_pop("later").decode())
    with pytest.raises(Forged, match="again"):
        run.follower.take()


@pytest.mark.parametrize("number", ["-5", "2", "1000000"])
def test_a_job_that_is_none_is_not_put_back(run, number) -> None:
    run.bare.queue_push("again", number)
    with pytest.raises(Forged):
        run.follower.take()


def test_a_counter_below_nothing_hands_out_no_job_from_the_end(run) -> None:
    run.bare.add("next", -1)
    with pytest.raises(Forged, match="the number -1 of a job"):
        run.follower.take()


def sealed_by_a_rank(run: Run, name: str, value: bytes) -> str:
    seal = Seal(KEY, run.bare.get("nonce"))
    return seal.close(name, value).decode()


def strange(**changes: Any) -> bytes:
    plain = job("a")
    return job_to_json(replace(plain, scene=replace(plain.scene, **changes)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (strange(name="../../etc/passwd"), "the name"),
        (strange(name="/tmp/a"), "the name"),
        (strange(name=".hidden"), "the name"),
        (strange(canvas=Size(10**6, 64)), "a canvas of"),
        (
            strange(references=(Reference("r", Path("/etc/shadow")),), instances=(PlacedReference("r", None),)).replace(
                b'"box": null', b'"box": {"left": 0, "top": 0, "right": 1, "bottom": 1}'
            ),
            "shadow is none of its inputs",
        ),
        (json.dumps({**json.loads(job_to_json(job("a"))), "seed": -1}).encode(), "seed -1"),
        (b"[]", "job 0"),
        (b"{" + b'"a":{' * 5000, "job 0"),
        (b"nonsense", "job 0"),
    ],
    ids=["climbing name", "absolute name", "hidden", "canvas", "another file", "seed", "list", "deep", "text"],
)
def test_a_job_is_held_against_what_a_plan_can_hold_even_if_it_is_sealed(run, value, said) -> None:
    run.bare.set("job/0", sealed_by_a_rank(run, "job/0", value))
    with pytest.raises(Forged, match=said):
        run.follower.job(0)


@pytest.mark.parametrize("position", [-2, 2, 10**9])
def test_an_event_of_no_job_is_refused(run, position) -> None:
    run.bare.queue_push("events", sealed_by_a_rank(run, "events", event_to_json(Event("step", 1, position, 1))))
    with pytest.raises(Forged):
        list(run.first.hear())


# The key


def test_the_first_rank_makes_a_key_that_only_its_owner_reads_and_the_others_find_it(tmp_path) -> None:
    made = run_key(tmp_path, make=True, patience=5)
    assert run_key(tmp_path, make=False, patience=5) == run_key(tmp_path, make=True, patience=5) == made
    (file,) = (tmp_path / ".contextgen").iterdir()
    assert len(made) == 64
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o600


def test_two_folders_have_two_keys(tmp_path) -> None:
    assert run_key(tmp_path / "a", make=True, patience=5) != run_key(tmp_path / "b", make=True, patience=5)


def test_the_environment_s_key_needs_no_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(RUN_KEY, "sixteen letters!")
    assert run_key(tmp_path, make=False, patience=0) == b"sixteen letters!"
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(RUN_KEY, "short")
    with pytest.raises(UsageError, match="too short to be a secret"):
        run_key(tmp_path, make=True, patience=0)


def test_a_key_that_does_not_appear_is_told_with_what_to_do(tmp_path) -> None:
    with pytest.raises(EnvironmentProblem, match="the key of process 1 did not appear") as waited:
        run_key(tmp_path, make=False, patience=0.3)
    assert RUN_KEY in str(waited.value.hint)


def test_a_key_that_is_not_yet_whole_is_waited_for(tmp_path) -> None:
    whole = run_key(tmp_path, make=True, patience=5)
    file = tmp_path / ".contextgen" / "run-key"
    file.write_bytes(whole[:63])
    with pytest.raises(EnvironmentProblem, match="the key of process 1 did not appear"):
        run_key(tmp_path, make=True, patience=0.3)
    file.write_bytes(whole)
    assert run_key(tmp_path, make=False, patience=5) == whole


KINDS = ["readable by others", "readable by the group", "a link", "a pipe", "behind a link"]


@posix
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_somebody_else_may_know_is_refused(tmp_path, kind) -> None:
    path = tmp_path / ".contextgen" / "run-key"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "behind a link":
        path.parent.symlink_to(elsewhere)
    else:
        path.parent.mkdir()
    if kind == "a pipe":
        os.mkfifo(path, 0o600)
    elif kind == "a link":
        (elsewhere / "known").write_text("0" * 64)
        (elsewhere / "known").chmod(0o600)
        path.symlink_to(elsewhere / "known")
    else:
        path.write_text("0" * 64)
        path.chmod({"readable by others": 0o644, "readable by the group": 0o640}.get(kind, 0o600))
    with pytest.raises(EnvironmentProblem, match=r"\.contextgen"):
        run_key(tmp_path, make=True, patience=0.3)
