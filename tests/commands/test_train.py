"""`contextgen train` in one process: what it refuses and where, what it says, what it writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from imig_sets import write_release
from PIL import Image
from shapes import TINY
from training_files import training_file

from contextgen_cli.app import train
from contextgen_cli.errors import EXIT_DONE, EXIT_ENVIRONMENT, EXIT_JOBS_FAILED, EXIT_USAGE

pytestmark = pytest.mark.training

RUN = training_file(TINY, "runs/out", steps=2)
Command = Callable[..., Any]


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = RUN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "run.yaml").write_text(text)
    return folder / "run.yaml"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("version: 1", "version: 2", "1:10", "`version` must be 1"),
        ("precision: float32", "precision: fp32", "4:12", "must be one of bf16, float32"),
        ("precision: float32", "weights: half", "4:10", "`weights` must be one of full"),
        ("precision: float32", "weights: {lora: {rank: 0}}", "4:24", "`rank` must be at least 1"),
        (
            "precision: float32",
            "weights: {lora: {}}\ntrain_text_encoders: true",
            "5:22",
            "changes the transformer only",
        ),
        (
            "precision: float32\nworkers: 0\nstages:\n  - name: sft\n",
            "train_text_encoders: true\nstages:\n  - name: sft\n    objective: text\n",
            "4:22",
            "none is `flow`",
        ),
        ("    steps: 2\n", "", "7:5", "`steps` is missing"),
        ("steps: 2", "step: 2", "8:5", "unknown key `step`"),
        ("batch: 1", "objective: flo", "9:16", "must be one of flow, dpo, codec"),
        ("batch: 1", "ema: 1", "9:10", "`ema` must be less than 1"),
        ("learning_rate: 0.001", "learning_rate: 0", "10:32", "must be more than 0"),
        ("data: {synth:", "data: {imig: {folders: []}, synth:", "11:11", "only one of imig, synth"),
        ("sizes: [[64, 64, 1]]", "sizes: [[64, 64]]", "11:28", "`sizes[0]` must hold 3 items, not 2"),
        ("start: {model:", "start: {new: {}, model:", "3:8", "either a `model` or a `new` one"),
        (f"model: {TINY}", "new: {headz: 4}", "3:15", "unknown key `headz`"),
        (f"model: {TINY}", "new: {heads: 0}", "3:22", "`heads` must be at least 1"),
        (
            "precision: float32\nworkers: 0\nstages:\n  - name: sft\n",
            "weights: {lora: {}}\nstages:\n  - name: sft\n    objective: text\n",
            "7:16",
            "changes the transformer only; text trains another part",
        ),
        ("counts: [1, 1]", "counts: [3, 1]", "11:50", "the fewest come first"),
        ("counts: [1, 1]", "counts: [1, 99]", "11:54", "at most 8"),
        ("[64, 64, 1]", "[64, 64, 0]", "11:27", "no share in `sizes` is positive"),
        ("[64, 64, 1]", "[64, 16, 1]", "11:33", "at least 64"),
        ("counts: [1, 1]", "hints: {absent: 0}", "11:49", "no share in `hints` is positive"),
        ("batch: 1", "objective: dpo\n    draws: 2", "10:5", "`draws` is for flow; the objective dpo does not read it"),
    ],
)
def test_mistakes_are_shown_with_their_place(
    contextgen: Command, tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    run = write(tmp_path, (old, new))
    done = contextgen("train", run)
    assert done.code == EXIT_USAGE
    assert f"{run}:{place}: error: " in done.err
    assert words in done.err


def test_what_an_objective_does_not_read_is_said_and_changes_nothing(contextgen: Command, tmp_path: Path) -> None:
    run = write(tmp_path, ("batch: 1", "batch: 1\n    beta: 3"))
    done = contextgen("train", run, "--device", "cpu")
    assert done.code == EXIT_DONE, done.err
    assert f"{run}:10:5: warning: `beta` is for dpo; the objective flow does not read it" in done.err
    finished = contextgen("train", write(tmp_path), "--device", "cpu")
    assert finished.code == EXIT_DONE and "warning" not in finished.err


def test_the_run_of_the_docs_trains_on_all_four_subsets(contextgen: Command, tmp_path: Path) -> None:
    """As it is written there, but small: faces, subjects without a box, edited references and crops in ten steps."""
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
    run = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    assert [len(stage["data"]["imig"]["folders"]) for stage in run["stages"]] == [2, 2]
    run |= {"start": {"model": str(TINY)}, "weights": {"lora": {"rank": 4, "alpha": 4}}, "workers": 0}
    for stage in run["stages"]:
        stage |= {"steps": 5, "batch": 1}
        stage["data"]["imig"]["size"] = [64, 64]
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    write_release(tmp_path / "IMIG-100K")
    done = contextgen("train", tmp_path / "run.yaml", "--device", "cpu")
    assert done.code == EXIT_DONE, done.err
    assert done.lines == [str(tmp_path / "runs" / "adapter" / "adapter")]
    assert "imig-basic, imig-complex: 4 records" in done.err
    assert "imig-composite, imig-multicomposite: 1 of 4 records" in done.err
    metrics = (tmp_path / "runs" / "adapter" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["stage"] for line in metrics] == ["sft"] * 5 + ["preference"] * 5


def test_a_missing_file_and_a_missing_model_are_told_apart(contextgen: Command, tmp_path: Path) -> None:
    missing = contextgen("train", tmp_path / "none.yaml")
    assert missing.code == EXIT_USAGE and "cannot read this file" in missing.err
    no_model = contextgen("train", write(tmp_path, (str(TINY), "no-such-model")))
    assert no_model.code == EXIT_ENVIRONMENT and "no-such-model" in no_model.err


def test_an_output_that_cannot_be_is_no_mistake_of_the_file(contextgen: Command, tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    done = contextgen("train", write(tmp_path), "--device", "cpu")
    assert done.code == EXIT_ENVIRONMENT
    assert f"{tmp_path / 'runs'}" in done.err and "not a directory" in done.err


def test_a_run_ends_with_the_path_of_its_model_and_stays_finished(contextgen: Command, tmp_path: Path) -> None:
    run = write(tmp_path)
    first = contextgen("train", run, "--device", "cpu")
    assert first.code == EXIT_DONE, first.err
    assert first.lines == [str(tmp_path / "runs" / "out" / "model")]
    again = contextgen("train", run, "--json")
    assert again.code == EXIT_DONE
    assert again.records[-1]["type"] == "summary" and again.records[-1]["status"] == "already finished"


def test_the_finished_model_tells_nothing_of_the_machine(contextgen: Command, tmp_path: Path) -> None:
    contextgen("train", write(tmp_path), "--device", "cpu")
    written = list((tmp_path / "runs" / "out" / "model").rglob("*.json"))
    assert written
    assert not [path for path in written if str(tmp_path) in path.read_text() or str(TINY) in path.read_text()]


def test_changes_are_refused_and_fresh_begins_anew_beside_the_old(contextgen: Command, tmp_path: Path) -> None:
    contextgen("train", write(tmp_path), "--device", "cpu")
    changed = write(tmp_path, ("0.001", "0.002"))
    refused = contextgen("train", changed, "--device", "cpu")
    assert refused.code == EXIT_USAGE
    assert "stages[0].optimizer.learning_rate" in refused.err and "--fresh" in refused.err
    fresh = contextgen("train", changed, "--device", "cpu", "--fresh")
    assert fresh.code == EXIT_DONE, fresh.err
    assert re.search(r"moved the earlier run to .*out\.1", fresh.err)
    assert (tmp_path / "runs" / "out.1" / "checkpoints" / "000002").is_dir()


@pytest.mark.parametrize("options", [(), ("--fresh",)])
def test_two_runs_never_share_an_output(contextgen: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    config = write(tmp_path)
    with train.alone(tmp_path / "runs" / "out"):
        refused = contextgen("train", config, "--device", "cpu", *options)
    assert refused.code == EXIT_USAGE
    assert "another training writes to" in refused.err
    assert not (tmp_path / "runs" / "out.1").exists()
    assert contextgen("train", config, "--device", "cpu", *options).code == EXIT_DONE


def test_progress_as_json_lines(contextgen: Command, tmp_path: Path) -> None:
    done = contextgen("train", write(tmp_path), "--device", "cpu", "--progress", "json")
    assert '"type": "stage_started"' in done.err
    assert '"type": "step", "step": 2' in done.err


def test_a_key_is_set_from_the_command_line(contextgen: Command, tmp_path: Path) -> None:
    run = write(tmp_path)
    done = contextgen("train", run, "--device", "cpu", "--set", "stages.0.steps=1", "--set", "output=elsewhere")
    assert done.code == EXIT_DONE, done.err
    assert done.lines == [str(tmp_path / "elsewhere" / "model")]
    assert "step 1 of 1" in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("stages.0.stepz=1", "unknown key `stepz`"),
        ("stages.0.steps=none", "--set: error: `steps` must be a whole number"),
        ("stages.4.steps=1", "`stages` is a list of 1"),
        ("stages", "write key=value"),
    ],
)
def test_a_wrong_assignment_is_shown_as_one(contextgen: Command, tmp_path: Path, assignment: str, words: str) -> None:
    done = contextgen("train", write(tmp_path), "--set", assignment)
    assert done.code == EXIT_USAGE
    assert words in done.err


def test_the_first_line_says_what_will_happen(contextgen: Command, tmp_path: Path) -> None:
    done = contextgen("train", write(tmp_path), "--device", "cpu")
    first = done.err.splitlines()[0]
    assert first.startswith(f"training the transformer of {TINY}: sft, 2 steps of flow on synthetic scenes.")
    assert f"It goes to {tmp_path / 'runs' / 'out'}; the time left is told from the first step on." in first
    assert first.endswith("Ctrl-C saves, and the same command goes on.")
    as_json = contextgen("train", write(tmp_path), "--progress", "json")
    assert json.loads(as_json.err.splitlines()[0])["message"].startswith("going on after step 2 of 2, training")


def test_the_curves_are_drawn_at_the_end(contextgen: Command, tmp_path: Path) -> None:
    run = write(tmp_path)
    done = contextgen("train", run, "--device", "cpu")
    curves = tmp_path / "runs" / "out" / "curves.png"
    assert f"drew {curves}" in done.err
    with Image.open(curves) as picture:
        assert picture.format == "PNG"
    assert "drew" not in contextgen("train", run, "--device", "cpu").err, "nothing is new"


def test_the_curves_of_a_run_that_went_wrong_are_drawn_too(contextgen: Command, tmp_path: Path) -> None:
    rate = ["--set", "stages.0.optimizer.learning_rate=1e30", "--set", "stages.0.steps=5"]
    done = contextgen("train", write(tmp_path), "--device", "cpu", *rate)
    assert done.code == EXIT_JOBS_FAILED and "the training went wrong" in done.err
    assert f"drew {tmp_path / 'runs' / 'out' / 'curves.png'}" in done.err


def test_curves_that_cannot_be_drawn_spoil_no_run(contextgen: Command, tmp_path: Path) -> None:
    (tmp_path / "runs" / "out" / "curves.png").mkdir(parents=True)
    done = contextgen("train", write(tmp_path), "--device", "cpu")
    assert done.code == EXIT_DONE
    assert "warning: no curves: " in done.err and "drew" not in done.err


def test_the_run_that_init_writes_trains_at_once(contextgen: Command, tmp_path: Path) -> None:
    """Its settings as they are, but for its length, and for the model: the embedded one takes longer."""
    contextgen("init", tmp_path, "--train")
    short = ["--set", f"start.model={TINY}", "--set", "stages.0.steps=1", "--set", "stages.0.samples.scenes=1"]
    done = contextgen("train", tmp_path / "train.yaml", "--device", "cpu", *short)
    assert done.code == EXIT_DONE, done.err
    assert done.lines == [str(tmp_path / "runs" / "first" / "model")]


def test_of_several_processes_one_speaks(tmp_path):
    """And holds the output folder; the others are told nothing twice."""
    config = write(tmp_path)
    launcher = "torch.distributed.run --nproc-per-node 2 --rdzv-backend c10d --rdzv-endpoint localhost:0"
    command = [sys.executable, "-m", *launcher.split(), "-m", "contextgen_cli", "train", str(config), "--device", "cpu"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_DONE, done.stderr
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["finished"]


@pytest.mark.parametrize(("columns", "pace"), [(60, ""), (100, r"[0-9.e+]+ samples/s  ")])
def test_the_name_of_a_stage_has_room_on_any_terminal(on_a_terminal, tmp_path, columns, pace):
    code, written = on_a_terminal("train", write(tmp_path), "--device", "cpu", columns=columns)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert code == EXIT_DONE
    assert re.search(rf"sft\s+━+ 2/2 loss [0-9.]+  {pace}0:00 left", shown), shown
