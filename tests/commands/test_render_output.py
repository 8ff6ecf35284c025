"""What a run says at its end."""

from __future__ import annotations

import json

import pytest
from painters import job

from contextgen_cli.app.listener import RunSummary, Tally
from contextgen_cli.batch.worker import Outcome, Status
from contextgen_cli.commands.shared.render_output import sum_up
from contextgen_cli.terminal.sink import Output


def tally() -> Tally:
    told = Tally(6)
    for outcome in (
        Outcome(job("a"), Status.SKIPPED),
        Outcome(job("b"), Status.RENDERED, seconds=30.0, peak_bytes=1 << 30),
        Outcome(job("c"), Status.RENDERED, seconds=60.0, peak_bytes=1 << 31),
        Outcome(job("d"), Status.FAILED),
        Outcome(job("e"), Status.CRASHED, seconds=500.0, earlier=True),  # whose seconds are not of this run
    ):
        told.add(outcome)
    return told


@pytest.mark.parametrize(("device", "painted"), [("cuda:0", "90 GPU seconds"), ("cpu", "90 seconds of painting")])
def test_the_summary_of_a_run(capsys, device, painted):
    sum_up(RunSummary(tally(), 60.0, device), Output())
    counts = "2 rendered, 1 skipped, 1 failed, 1 crashed, 1 left undone"
    assert capsys.readouterr().err == f"{counts} in 1 min 0 s: 2 a minute, {painted}, 2.0 GiB at the most\n"


def test_the_summary_for_a_program(capsys):
    sum_up(RunSummary(tally(), 60.0, "cpu"), Output(as_json=True))
    assert json.loads(capsys.readouterr().out) == {
        "type": "summary",
        "jobs": 6,
        "rendered": 2,
        "skipped": 1,
        "failed": 1,
        "crashed": 1,
        "seconds": 60.0,
        "per_minute": 2.0,
        "device_seconds": 90.0,
        "peak_bytes": 1 << 31,
        "left_out": 0,
        "causes": [],
        "exit": 1,
    }
