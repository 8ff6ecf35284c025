"""The worker alone: what it does with failures, and in which order it tells."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from rich.progress import Progress

from contextgen_cli.batch.launch import run_in_process
from contextgen_cli.batch.ledger import read
from contextgen_cli.batch.plan import Job, JobCost, Plan, Recipe, Weights, sha256_of
from contextgen_cli.batch.resume import plan_status
from contextgen_cli.batch.worker import JobOptions, Outcome, Overview, Status
from contextgen_cli.errors import DeviceError, JobError, OutOfMemory, OutputError
from contextgen_cli.records.output import Composition, Destination, Taken, encode, write
from contextgen_cli.records.picture_file import read_record
from contextgen_cli.scene.scene import Sampling, Scene, Size
from contextgen_cli.terminal.progress import Bars, Clock, JsonLines, PlainLines, Silence, duration, stopwatch

RECIPE = Recipe(Weights("m", "0"), (), {"dtype": "float32", "attention": "exact", "ica": "released"}, 2, 3.5)


def job(name: str, tflop: float = 1.0) -> Job:
    scene = Scene(name, "a crab", Size(64, 64), (), (), sampling=Sampling(2, 3.5))
    return Job(scene, 0, name * 64, RECIPE, (), JobCost(1, tflop, 1))


class Painter:
    """A renderer that paints red, and fails where it is told to."""

    def __init__(self, failures: dict[str, BaseException]) -> None:
        self.failures = failures
        self.painted: list[str] = []

    def open(self, job) -> None:
        pass

    def render(self, job, on_step) -> Image.Image:
        self.painted.append(job.scene.name)
        on_step(1)
        if job.scene.name in self.failures:
            raise self.failures[job.scene.name]
        return Image.new("RGB", (64, 64), "red")

    def reduce_memory(self, job) -> str:
        self.failures.pop(job.scene.name, None)
        return "relieved"

    def peak_bytes(self) -> int:
        return 1

    def composition(self, job) -> Composition:
        if "composition" in self.failures:
            raise self.failures["composition"]
        return Composition(Image.new("RGBA", (64, 64)), ())


class Hearing(Silence):
    """A listener that notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def job_started(self, job, rank=0) -> None:
        self.heard.append(f"{job.scene.name} started")

    def noticed(self, text) -> None:
        self.heard.append(text)

    def step(self, job, done, rank=0) -> None:
        self.heard.append(f"{job.scene.name} step {done}")

    def job_finished(self, outcome) -> None:
        self.heard.append(f"{outcome.job.scene.name} {outcome.status.value}")


def run(folder: Path, failures: dict[str, BaseException], listener=None, jobs=None, painter=None, **job_options):
    painter = painter or Painter(failures)
    jobs = jobs or Plan(tuple(job(name) for name in "abc"))
    given = JobOptions(Destination.parse(str(folder)), lambda job: {"job": job.id}, **job_options)
    there = plan_status(jobs, given)
    painted = run_in_process(there, painter, given, listener or Silence(), lambda: False)
    return painter, itertools.chain(there.done, there.set_aside, painted)


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.png"))


@pytest.mark.parametrize("error", [JobError("no"), RuntimeError("a bug"), MemoryError()], ids=repr)
def test_a_failure_is_an_outcome(tmp_path, error):
    painter, outcomes = run(tmp_path, {"b": error})
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED, Status.FAILED, Status.RENDERED]
    assert painter.painted == ["a", "b", "c"]


def test_fail_fast(tmp_path):
    painter, outcomes = run(tmp_path, {"b": JobError("no")}, max_failures=1)
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED, Status.FAILED]
    assert painter.painted == ["a", "b"]


@pytest.mark.parametrize("error", [DeviceError("gone"), KeyboardInterrupt()], ids=repr)
def test_what_no_other_job_would_survive_ends_the_run(tmp_path, error):
    painter, outcomes = run(tmp_path, {"b": error})
    with pytest.raises(type(error)):
        list(outcomes)
    assert painter.painted == ["a", "b"]
    assert pictures(tmp_path) == ["a-0.png"]


def test_a_name_that_another_process_takes_again_and_again_is_one_failure_and_tried_again(tmp_path, monkeypatch):
    def write_or_lose(path, data, *, replacing=True):
        if path.name == "b-0.png":
            raise Taken(f"{path} is taken")
        write(path, data, replacing=replacing)

    with monkeypatch.context() as patched:
        patched.setattr("contextgen_cli.batch.worker.write", write_or_lose)
        outcomes = list(run(tmp_path, {})[1])
    assert [outcome.status for outcome in outcomes] == [Status.RENDERED, Status.FAILED, Status.RENDERED]
    assert "another process writes pictures of this name" in outcomes[1].reason.message
    painter, outcomes = run(tmp_path, {})
    assert [outcome.status for outcome in outcomes][-1] is Status.RENDERED and painter.painted == ["b"]


def test_what_is_done_is_skipped_unless_fresh(tmp_path):
    list(run(tmp_path, {})[1])
    painter, outcomes = run(tmp_path, {})
    assert {outcome.status for outcome in outcomes} == {Status.SKIPPED}
    assert painter.painted == []
    painter, outcomes = run(tmp_path, {}, fresh=True)
    assert {outcome.status for outcome in outcomes} == {Status.RENDERED}


def test_what_was_cut_short_is_done_again(tmp_path):
    list(run(tmp_path, {})[1])
    cut = tmp_path / "b-0.png"
    cut.write_bytes(cut.read_bytes()[:-20])
    painter, outcomes = run(tmp_path, {})
    found = list(outcomes)
    assert painter.painted == ["b"]
    assert [(outcome.status, outcome.repaired) for outcome in found] == [
        (Status.SKIPPED, False),
        (Status.SKIPPED, False),
        (Status.RENDERED, True),
    ]
    assert found[-1].path == cut


def test_in_which_order_it_tells(tmp_path):
    hearing = Hearing()
    list(run(tmp_path, {"b": JobError("no")}, hearing)[1])
    told = ["a started", "a step 1", "a rendered", "b started", "b step 1", "b failed"]
    assert hearing.heard == [*told, "c started", "c step 1", "c rendered"]


def test_a_picture_is_only_there_with_all_that_belongs_to_it(tmp_path):
    _, outcomes = run(tmp_path, {"composition": JobError("no")}, save_layout=True)
    assert {outcome.status for outcome in outcomes} == {Status.FAILED}
    assert pictures(tmp_path) == []


def test_a_picture_without_its_layout_is_done_again_where_the_layout_is_asked_for(tmp_path):
    list(run(tmp_path, {}, save_layout=True)[1])
    (tmp_path / "b-0.layout.png").unlink()
    assert run(tmp_path, {})[0].painted == []
    painter, outcomes = run(tmp_path, {}, save_layout=True)
    assert [outcome.status for outcome in outcomes] == [Status.SKIPPED, Status.SKIPPED, Status.RENDERED]
    assert painter.painted == ["b"] and (tmp_path / "b-0.layout.png").exists()


def test_too_little_memory_is_tried_once_more(tmp_path):
    hearing = Hearing()
    painter, outcomes = run(tmp_path, {"b": OutOfMemory("not enough")}, hearing)
    assert {outcome.status for outcome in outcomes} == {Status.RENDERED}
    assert painter.painted == ["a", "b", "b", "c"]
    assert "b-0: not enough: relieved, trying once more" in hearing.heard


def test_what_failed_is_left_alone_until_asked_for(tmp_path):
    list(run(tmp_path, {"b": JobError("no")})[1])
    painter, outcomes = run(tmp_path, {})
    (left,) = [outcome for outcome in outcomes if outcome.status is Status.FAILED]
    assert (painter.painted, left.job.name, left.earlier, left.reason.message) == ([], "b-0", True, "no")
    painter, outcomes = run(tmp_path, {}, retry_failed=True)
    assert [outcome.status for outcome in outcomes] == [Status.SKIPPED, Status.SKIPPED, Status.RENDERED]
    assert [attempt.outcome for attempt in read(tmp_path).attempts] == ["rendered", "failed", "rendered", "rendered"]


@pytest.mark.parametrize("now", [b"other bytes", None], ids=["changed", "removed"])
def test_what_was_changed_since_the_plan_is_not_painted_under_the_old_id(tmp_path, now):
    crab, fox = tmp_path / "crab.png", tmp_path / "fox.png"
    jobs = []
    for name, path in (("a", crab), ("b", fox), ("c", crab)):
        path.write_bytes(b"bytes of the plan")
        jobs.append(replace(job(name), inputs=((path, sha256_of(path)),)))
    painter, outcomes = run(tmp_path / "out", {}, jobs=Plan(tuple(jobs)))
    (tmp_path / "out").mkdir()
    if now is None:
        fox.unlink()
    else:
        fox.write_bytes(now)
    ended = list(outcomes)
    assert painter.painted == ["a", "c"]
    assert [outcome.status for outcome in ended] == [Status.RENDERED, Status.FAILED, Status.RENDERED]
    assert "fox.png: " in ended[1].reason.message


def test_a_name_that_another_run_takes_meanwhile_is_left_to_it(tmp_path, monkeypatch):
    taken = tmp_path / "b-0.png"

    def outrun(path, png, **settings) -> None:
        """Somebody else's picture comes between our look at the name and our write."""
        if path == taken:
            write(path, encode(Image.new("RGB", (64, 64)), {"job": "another"}))
        write(path, png, **settings)

    monkeypatch.setattr("contextgen_cli.batch.worker.write", outrun)
    outcomes = list(run(tmp_path, {})[1])
    assert {outcome.status for outcome in outcomes} == {Status.RENDERED}
    assert (outcomes[1].evades, read_record(taken)["job"]) == (taken, "another")
    assert read_record(outcomes[1].path)["job"] == outcomes[1].job.id


def test_a_name_that_another_run_takes_right_after_we_looked_is_left_to_it(tmp_path, monkeypatch):
    place, taken = Destination.place, tmp_path / "b-0.png"

    def outrun(*arguments):
        placed = place(*arguments)
        if "b" in painter.painted and placed.path == taken:
            write(taken, encode(Image.new("RGB", (64, 64)), {"job": "another"}))
        return placed

    painter, outcomes = run(tmp_path, {})
    monkeypatch.setattr(Destination, "place", outrun)
    rendered = list(outcomes)[1]
    assert (rendered.evades, read_record(taken)["job"]) == (taken, "another")
    assert read_record(rendered.path)["job"] == rendered.job.id


def test_a_folder_that_vanishes_ends_the_run(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    _, outcomes = run(folder, {})
    next(outcomes)
    shutil.rmtree(folder)
    with pytest.raises(OutputError, match="is gone"):
        next(outcomes)
    assert not folder.exists()


def test_painting_is_timed(tmp_path, monkeypatch):
    ticks = iter(range(100))
    monkeypatch.setattr("contextgen_cli.batch.worker.time.monotonic", lambda: next(ticks))
    assert [outcome.seconds for outcome in run(tmp_path, {})[1]] == [1, 1, 1]


def test_the_pace_is_that_of_the_painted():
    first, second = job("a"), job("b")
    clock = Clock(Overview(3, 0, 3.0))
    clock.finished(Outcome(first, Status.SKIPPED))
    assert (clock.per_minute, clock.seconds_left) == (None, None)
    clock.finished(Outcome(second, Status.RENDERED, seconds=10.0))
    assert (clock.per_minute, clock.seconds_left) == (6.0, 10.0)


def slow_job(steps: int) -> Job:
    return replace(job("a"), scene=replace(job("a").scene, sampling=Sampling(steps, 3.5)))


def test_a_slow_picture_is_told_of_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("contextgen_cli.terminal.progress.time.monotonic", lambda: now[0])
    slow, lines = slow_job(9), PlainLines()
    lines.started(Overview(1, 0, 1.0))
    lines.job_started(slow)
    for done in range(1, 9):
        now[0] += 6.0
        lines.step(slow, done)
    told = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == ["[1/1] a-0: step 3 of 9", "[1/1] a-0: step 6 of 9"]


def test_json_tells_ten_steps_a_second_and_the_last(monkeypatch, capsys):
    now = [1.0]
    monkeypatch.setattr("contextgen_cli.terminal.progress.time.monotonic", lambda: now[0])
    quick, lines = slow_job(4), JsonLines()
    lines.started(Overview(1, 0, 1.0))
    lines.job_started(quick)
    for done in range(1, 5):
        lines.step(quick, done)
        now[0] += 0.06
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["step"] for event in events if event["type"] == "step"] == [1, 3, 4]


def test_the_time_left_follows_the_cost(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("contextgen_cli.terminal.progress.time.monotonic", lambda: now[0])
    cheap = job("a", 1.0)
    clock = Clock(Overview(2, 0, 10.0))
    assert clock.seconds_left is None
    now[0] = 100.0  # opening the model is not painting
    clock.started()
    now[0] = 101.0
    clock.step(cheap, 1)  # half of the cheap one took a second
    assert clock.seconds_left == pytest.approx(19.0)


def test_ranks_share_the_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("contextgen_cli.terminal.progress.time.monotonic", lambda: now[0])
    clock = Clock(Overview(4, 0, 4.0, ranks=2))
    for rank in (0, 1):
        clock.started(rank)
    now[0] = 3.0
    for rank in (0, 1):
        clock.finished(Outcome(job("a", 1.0), Status.RENDERED, seconds=3.0, rank=rank))
    assert clock.seconds_left == pytest.approx(3.0)  # two pictures of three seconds each, side by side
    assert clock.per_minute == pytest.approx(40.0)


def test_processes_are_counted_from_one_where_a_person_reads():
    shown = Progress(disable=True)
    bars = Bars(shown)
    bars.started(Overview(4, 0, 4.0, ranks=2))
    for rank in (0, 1):
        bars.job_started(job("a", 1.0), rank)
    assert [task.description for task in shown.tasks] == ["pictures", "process 1: a-0", "process 2: a-0"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.99, "10.0 s"), (12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(5, "0:05"), (200, "3:20"), (7500, "2:05:00")])
def test_times_where_there_is_little_room(seconds, words):
    assert stopwatch(seconds) == words


def test_two_jobs_of_one_name_that_are_written_at_once_keep_their_own_layouts(tmp_path, monkeypatch):
    place = Destination.place

    def slow(*arguments):
        placed = place(*arguments)
        time.sleep(0.2)  # for the other to look, too
        return placed

    class Colourful(Painter):
        def composition(self, job) -> Composition:
            return Composition(Image.new("RGBA", (64, 64), (int(job.id[:1], 16), 0, 0, 255)), ())

    monkeypatch.setattr(Destination, "place", slow)
    jobs = [replace(job("a"), id=letter * 64) for letter in "bc"]

    def paint(job: Job) -> Outcome:
        return next(run(tmp_path, {}, jobs=Plan((job,)), painter=Colourful({}), save_layout=True)[1])

    with ThreadPoolExecutor() as threads:
        outcomes = list(threads.map(paint, jobs))
    assert {outcome.path.name for outcome in outcomes} >= {"a-0.png"}
    for outcome in outcomes:
        layout = Image.open(outcome.path.with_name(f"{outcome.path.stem}.layout.png"))
        assert layout.getpixel((0, 0))[0] == int(outcome.job.id[:1], 16)


def test_the_ledger_says_nothing_of_where_it_was_made(tmp_path):
    messages = {"a": f"{tmp_path}/out/a-0.png: odd", "b": "/home/somebody/x/model.bin: odd", "c": "x" * 100_000}
    painter = Painter({name: JobError(words, hint=words) for name, words in messages.items()})
    (tmp_path / "out").mkdir()
    outcomes = list(run(tmp_path / "out", {}, jobs=Plan(tuple(map(job, messages))), painter=painter)[1])
    assert [outcome.reason.message for outcome in outcomes] == list(messages.values()), "a person is told where"
    kept = [attempt.error for attempt in read(tmp_path / "out").attempts]
    assert [error.message for error in kept][:2] == ["./a-0.png: odd", "…/model.bin: odd"]
    assert all(error.hint == error.message for error in kept)
    assert len(kept[2].message) == 1 << 14
