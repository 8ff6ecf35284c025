"""A run without a command line: planned, told, cancelled between two steps, and begun again, in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hearing import Hearing
from painting import TINY_ADAPTER, TINY_MODEL, write_scene

from contextgen_cli.app.listener import RunSummary
from contextgen_cli.app.render import RenderRequest, RenderRun
from contextgen_cli.batch import launch
from contextgen_cli.batch.plan import Overrides
from contextgen_cli.batch.worker import Status
from contextgen_cli.errors import EXIT_INTERRUPTED, EXIT_JOBS_FAILED, DeviceError, JobError, UsageError
from contextgen_cli.models.numerics import AdapterChoice, Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.records.output import Destination
from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.scene import Scene

SETTINGS = Settings(str(TINY_MODEL), (AdapterChoice(str(TINY_ADAPTER)),), device="cpu")
STEPS = 3


@pytest.fixture
def scenes(tmp_path) -> tuple[Scene, ...]:
    return load([str(write_scene(tmp_path / "picnic.yaml"))], LoadOptions(deep=True)).scenes


@pytest.fixture
def request_for(tmp_path) -> Callable[..., RenderRequest]:
    """A request for two pictures, painted in this process, into a folder of that name."""

    def request_for(name: str, **changes: object) -> RenderRequest:
        overrides = Overrides(count=2, steps=STEPS)
        asked = RenderRequest(Destination.parse(str(tmp_path / name)), SETTINGS, overrides, processes=0)
        return replace(asked, **changes)

    return request_for


def painted(request: RenderRequest, scenes, hearing: Hearing, **more: object) -> RunSummary:
    with RenderRun(request, hearing, **more) as run:
        run.plan(scenes)
        run.prepare()
        return run.paint()


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def of_one_picture(name: str) -> list[str]:
    steps = [f"{name} step {done}" for done in range(1, STEPS + 1)]
    return [f"opening for {name}", f"{name} started", *steps, f"{name} finished", f"{name} rendered"]


def test_everything_is_told_in_order(scenes, request_for, tmp_path):
    hearing = Hearing()
    summary = painted(request_for("out"), scenes, hearing)
    both = [*of_one_picture("picnic-0"), *of_one_picture("picnic-1")]
    assert hearing.heard == ["planned", "started 2 of 2", *both, "ended"]
    assert summary is hearing.summary
    assert (summary.exit_code, summary.tally.counts[Status.RENDERED], summary.cancelled) == (0, 2, False)
    assert list(hearing.forecast.footprints) == ["tiny-kontext"]
    assert sorted(pictures(tmp_path / "out")) == ["picnic-0.png", "picnic-1.png"]


def test_a_second_run_in_the_same_process_tells_what_is_done(scenes, request_for, tmp_path):
    painted(request_for("out"), scenes, Hearing())
    before = pictures(tmp_path / "out")
    hearing = Hearing()
    assert painted(request_for("out"), scenes, hearing).tally.counts[Status.SKIPPED] == 2
    assert hearing.heard == ["planned", "started 0 of 2", "picnic-0 skipped", "picnic-1 skipped", "ended"]
    painted(request_for("other"), scenes, Hearing())
    assert pictures(tmp_path / "other") == before == pictures(tmp_path / "out")


class FailingOnce(ModelRenderer):
    """Cannot paint seed 1."""

    def render(self, job, on_step):
        if job.seed == 1:
            raise JobError("no")
        return super().render(job, on_step)


def test_what_failed_in_an_earlier_run_is_told_again_until_it_is_tried_again(scenes, request_for):
    assert painted(request_for("out"), scenes, Hearing(), renderer_for=FailingOnce).exit_code == EXIT_JOBS_FAILED
    hearing = Hearing()
    summary = painted(request_for("out"), scenes, hearing)
    assert hearing.heard == ["planned", "started 0 of 2", "picnic-0 skipped", "picnic-1 failed", "ended"]
    assert (summary.exit_code, [each.job.name for each in summary.set_aside]) == (EXIT_JOBS_FAILED, ["picnic-1"])
    assert painted(request_for("out", retry_failed=True), scenes, Hearing()).exit_code == 0


@pytest.mark.parametrize("remembered", [False, True], ids=["another-renderer", "the-same-renderer"])
def test_cancelled_between_two_steps_it_leaves_no_half_picture_and_a_later_run_finishes(
    scenes, request_for, tmp_path, remembered
):
    renderer_for = lru_cache(maxsize=1)(ModelRenderer) if remembered else ModelRenderer
    hearing = Hearing("picnic-1 step 2", lambda: in_another_thread(run.cancel))
    run = RenderRun(request_for("out"), hearing, renderer_for=renderer_for)
    run.plan(scenes)
    run.prepare()
    summary = run.paint()
    assert (summary.cancelled, summary.exit_code, summary.tally.counts) == (
        True,
        EXIT_INTERRUPTED,
        {Status.RENDERED: 1},
    )
    assert hearing.heard[-2:] == ["picnic-1 step 2", "ended"]
    assert [path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".jsonl"] == ["picnic-0.png"]
    assert painted(request_for("out"), scenes, Hearing(), renderer_for=renderer_for).exit_code == 0
    painted(request_for("whole"), scenes, Hearing())
    assert pictures(tmp_path / "out") == pictures(tmp_path / "whole")


def in_another_thread(cancel: Callable[..., None]) -> None:
    asking = threading.Thread(target=cancel, kwargs={"at_once": True})
    asking.start()
    asking.join()


def test_cancelled_without_haste_it_finishes_the_picture_at_work(scenes, request_for, tmp_path):
    hearing = Hearing("picnic-0 step 1", lambda: run.cancel())
    run = RenderRun(request_for("out"), hearing)
    run.plan(scenes)
    run.prepare()
    assert run.paint().cancelled
    assert sorted(pictures(tmp_path / "out")) == ["picnic-0.png"]
    assert "noticed: finishing the pictures at work; interrupt once more to stop now" in hearing.heard


@pytest.mark.parametrize("at_once", [False, True])
def test_cancelled_before_it_paints_it_opens_nothing(scenes, request_for, at_once):
    hearing = Hearing()
    run = RenderRun(request_for("out"), hearing)
    run.plan(scenes)
    run.prepare()
    run.cancel(at_once=at_once)
    assert run.paint().cancelled
    assert hearing.heard == ["planned", "started 2 of 2", "ended"]


def test_several_processes_are_cancelled_at_once(scenes, request_for, tmp_path):
    hearing = Hearing("picnic-0 started", lambda: run.cancel(at_once=True))
    request = request_for("out", processes=1, overrides=Overrides(count=2, steps=200))
    run = RenderRun(request, hearing)
    run.plan(scenes)
    run.prepare()
    assert run.paint().cancelled
    assert [path.name for path in (tmp_path / "out").iterdir() if path.suffix != ".jsonl"] == []


@pytest.mark.parametrize(("processes", "first"), [(1, "small-0"), (2, "large-0")])
def test_several_processes_begin_with_what_takes_longest(tmp_path, request_for, monkeypatch, processes, first):
    write_scene(tmp_path / "a.yaml", name="small")
    write_scene(tmp_path / "b.yaml", name="large", canvas={"width": 256, "height": 256})
    scenes = load([str(tmp_path)], LoadOptions()).scenes
    handed = []
    monkeypatch.setattr(launch, "run_on_ranks", lambda pool, status, *_: handed.extend(status.todo.jobs) or iter(()))
    painted(request_for("out", processes=processes), scenes, Hearing())
    assert (len(handed), handed[0].name) == (4, first)


def test_a_dry_run_says_what_it_takes_and_writes_nothing(scenes, request_for, tmp_path):
    hearing = Hearing()
    with RenderRun(request_for("out", dry_run=True), hearing) as run:
        run.plan(scenes)
        forecast = run.rehearse()
    assert hearing.heard == ["planned"] and hearing.forecast is forecast
    assert (len(forecast.status.todo.jobs), forecast.problem, forecast.exit_code) == (2, None, 0)
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_is_a_forecast_of_a_dry_run_and_an_error_of_a_run(scenes, request_for, monkeypatch):
    monkeypatch.setattr("contextgen_cli.models.devices._main_memory", lambda: (1 << 20, 1 << 20))
    run = RenderRun(request_for("out"), Hearing())
    run.plan(scenes)
    forecast = run.rehearse()
    assert (forecast.footprints, forecast.exit_code) == ({}, 3)
    assert isinstance(forecast.problem, DeviceError)
    with pytest.raises(DeviceError, match="not enough memory"):
        run.prepare()


def test_only_some_scenes(scenes, request_for):
    run = RenderRun(request_for("out", only=("nobody",)), Hearing())
    with pytest.raises(UsageError, match="no scene is named nobody"):
        run.plan(scenes)
