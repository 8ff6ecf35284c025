"""Pictures painted again without a command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hearing import Hearing
from painting import TINY_ADAPTER, TINY_MODEL, write_scene

from contextgen_cli import cli
from contextgen_cli.app.comparison import Verdict
from contextgen_cli.app.replay import Replayed, ReplayRun
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED
from contextgen_cli.models.numerics import AdapterChoice, Settings
from contextgen_cli.records.inputs import finder
from contextgen_cli.records.output import Destination

ASKED = Settings(str(TINY_MODEL), (AdapterChoice(str(TINY_ADAPTER)),), device="cpu")


class Comparing(Hearing):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.replays: list[Replayed] = []

    def replayed(self, replayed):
        self.replays.append(replayed)


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    """Two of one model and one whose numbers are wider, which is another run."""
    path, out = write_scene(tmp_path / "picnic.yaml"), tmp_path / "out"
    model = ["--model", str(TINY_MODEL), "--adapter", str(TINY_ADAPTER), "--device", "cpu", "--steps", "2"]
    command = ["render", str(path), *model, "--processes", "0", "-q", "-o", str(out), "--dtype"]
    assert cli.run([*command, "float32", "--count", "2"]) == 0
    assert cli.run([*command, "bfloat16", "--seed", "7"]) == 0
    return sorted(out.glob("*.png"))


def test_every_picture_is_compared(pictures, tmp_path):
    hearing = Comparing()
    run = ReplayRun(ASKED, hearing)
    assert run.plan(pictures, finder([tmp_path / "out"], [])) == []
    run.prepare(Destination.parse(str(tmp_path / "again")))
    assert run.paint() == EXIT_DONE
    assert [each.verdict for each in hearing.replays] == [Verdict.SAME_BYTES] * 3
    assert [each.replay.picture for each in hearing.replays] == pictures
    assert hearing.heard.count("ended") == 2  # a run for each number format


def test_cancelled_it_begins_no_other_run(pictures, tmp_path):
    hearing = Comparing("picnic-0 step 1", lambda: run.cancel(at_once=True))
    run = ReplayRun(ASKED, hearing)
    run.plan(pictures, finder([tmp_path / "out"], []))
    run.prepare(Destination.parse(str(tmp_path / "again")))
    assert run.paint() == EXIT_INTERRUPTED
    assert (hearing.replays, hearing.heard.count("ended")) == ([], 1)
    assert not list((tmp_path / "again").glob("*.png"))


def test_what_keeps_pictures_from_it_is_returned(pictures, tmp_path):
    (tmp_path / "refs" / "crab.png").unlink()
    problems = ReplayRun(ASKED, Comparing()).plan([*pictures, tmp_path / "gone.png"], finder([tmp_path / "out"], []))
    assert len(problems) == 4
    assert "refs/crab.png was changed" in str(problems[0]) and "gone.png" in str(problems[3])
