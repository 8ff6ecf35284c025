"""What a newcomer meets first: help, mistyped commands, and how fast it all starts."""

from __future__ import annotations

import importlib
import keyword
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from painting import write_scene
from sources import REPOSITORY

from contextgen_cli.cli import COMMANDS, LazyGroup
from contextgen_cli.commands.shared import other_words
from contextgen_cli.commands.shared.options import SectionedCommand
from contextgen_cli.terminal import console

HEAVY = ("torch", "diffusers", "transformers", "accelerate")


@pytest.fixture
def scene(tmp_path) -> Path:
    """One that the embedded model paints without a word."""
    return write_scene(tmp_path / "picnic.yaml", canvas={"width": 256, "height": 256})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples(contextgen, command):
    result = contextgen(command, "--help")
    assert result.code == 0
    assert f"contextgen {command}" in result.out.split("Examples:")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_has_the_first_line_of_each(command):
    module = f"{command}_" if keyword.iskeyword(command) else command
    said = importlib.import_module(f"contextgen_cli.commands.{module}").command.help
    assert COMMANDS[command] == said.split("\n\n")[0].replace("\n", " ")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_list_of_commands_is_cut_nowhere(contextgen, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    listed = " ".join(contextgen("--help").out.split("Commands:")[1].split())
    assert [name for name, line in COMMANDS.items() if f"{name} {line}" not in listed] == []


@pytest.mark.parametrize("group", ["data", "bench"])
def test_the_list_of_a_groups_commands_is_cut_nowhere(contextgen, monkeypatch, group):
    monkeypatch.setenv("COLUMNS", "60")
    listed = contextgen(group, "--help").out.split("Commands:")[1].split("Examples:")[0]
    assert listed.rstrip().endswith(".") and "..." not in listed


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_sixty_columns(contextgen, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "60")
    result = contextgen(*command.split(), "--help")
    assert [line for line in result.lines if len(line) > 60] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["rendr"], "Did you mean 'render'?"),
        (["help", "rendr"], "Did you mean 'render'?"),
        (["render"], "Missing argument 'SCENE...'"),
        (["render", "x.yaml", "--step", "3"], "--steps"),
        (["render", "x.yaml", "--size", "100"], "'100' is not a size"),
        (["render", "x.yaml", "--size", "32x96"], "width 32 is not between 64 and 4096"),
        (["render", "x.yaml", "--set", "steps"], "write key=value"),
        (["render", "x.yaml", "--seed", "-1"], "-1 is not in the range"),
        (["render", "x.yaml", "--guidance", "nan"], "'nan' is not a number"),
        (["render", "x.yaml", "--guidance", "inf"], "inf is not in the range"),
        (["render", "x.yaml", "--seed", "1", "--seed", "2"], "--seed is given 2 times, and takes one value"),
        (["render", "x.yaml", "--adapter", "a=0"], "'a=0': the scale of an adapter is a number, and not zero"),
        (["replay", "x.png", "--adapter", "a=nan"], "'a=nan': the scale of an adapter is a number"),
        (["render", "x.yaml", "-o", "a", "--output", "b", "-oc"], "--output is given 3 times"),
        (["validate", "x.yaml", "--format=json", "--format=json"], "--format is given 2 times"),
        (["data", "synth", "-o", "x", "--scenes", "1", "--seed", "1", "--seed", "2"], "--seed is given 2 times"),
        (["bench", "calibrate", "--model", "a", "--model", "b"], "--model is given 2 times"),
        (["render", "x.yaml", "--seed", "1 2 3"], "'1 2 3' are several. For several pictures of a scene write --seed"),
        (["render", "x.yaml", "--seed", "1", "2", "3"], "--seed takes one word: 2, 3 would be scene files"),
        (["render", "--seed", "1", "2", "x.yaml"], "list `seeds:` in it, or give --count"),
    ],
)
def test_a_mistyped_command_line_is_refused_with_help(contextgen, typed, said):
    result = contextgen(*typed)
    assert result.code == 2
    assert said in result.err
    assert result.out == ""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("render x --jobs 4", "Here it is --processes."),
        ("render x -j4", "Here it is --processes."),
        ("render x --gpus 2", "Here it is --processes, one a GPU"),
        ("render x --resume", "The same command goes on where it ended"),
        ("train x --resume", "The same command goes on where it ended"),
        ("render x --overwrite", "Here it is --fresh."),
        ("init --overwrite", "Here it is --force."),
        ("render x --lora a", "Here it is --adapter."),
        ("render x --outdir a", "Here it is --output."),
        ("render --input x", "named without an option, as the usage says"),
        ("render x --num-images 4", "Here it is --count."),
        ("render x --batch-size 4", "--count gives several of a scene"),
        ("train x --batch-size 4", "--set stages.0.steps=200"),
        ("render x --cfg 4", "Here it is --guidance."),
        ("render x --width 4", "Here it is --size, such as --size 768x512."),
        ("render x --no-fresh", "Leave --fresh out"),
        ("validate x --workers 4", "`contextgen validate` has nothing like it; --processes is an option of"),
        ("data synth --jobs 4", "`contextgen data synth` has nothing like it"),
        ("generate x", "`contextgen render` paints scenes."),
        ("check x", "`contextgen validate` checks scenes."),
        ("ls", "`contextgen report` shows the pictures of a folder"),
        ("show x.png", "`contextgen inspect` shows"),
        ("gui", "There is no window"),
        ("picnic.yaml", "`contextgen render picnic.yaml` paints it."),
        ("--model x render", "Options stand behind the command"),
    ],
)
def test_words_of_other_tools_lead_to_ours(contextgen, typed, said):
    result = contextgen(*typed.split())
    assert result.code == 2
    assert said in result.err and "Did you mean" not in result.err


def test_the_words_of_other_tools_are_none_of_ours_and_lead_to_options_that_there_are():
    leaves = {name: _leaves(LazyGroup().get_command(None, name)) for name in COMMANDS}
    ours = {option for each in leaves.values() for leaf in each for param in leaf.params for option in param.opts}
    render = {option for param in leaves["render"][0].params for option in param.opts}
    words = {word: found.split() for group, (found, _) in other_words.OPTIONS.items() for word in group.split()}
    assert words.keys() & render == set()
    assert {option for found in words.values() for option in found} <= ours
    assert len(words) == sum(len(group.split()) for group in other_words.OPTIONS), "a word stands there twice"
    assert {word for group in other_words.COMMANDS for word in group.split()} & COMMANDS.keys() == set()


@pytest.mark.parametrize("command", ["render", "data synth"])
def test_help_is_a_word_too(contextgen, command):
    asked = contextgen(*command.split(), "--help")
    assert contextgen("help", *command.split()) == asked and asked.code == 0
    assert contextgen("-v", "help", *command.split()) == asked
    assert contextgen("help") == contextgen("--help")
    assert contextgen("version") == contextgen("--version") and contextgen("version").code == 0


@pytest.mark.parametrize(
    ("front", "behind", "silent"), [("-q", "", True), ("-q", "-v", True), ("-v", "-q", True), ("-v", "-v", False)]
)
def test_what_is_said_of_words_may_stand_before_the_command(contextgen, scene, front, behind, silent):
    result = contextgen(front, "validate", scene, *behind.split())
    assert result.code == 0
    assert (result.err == "") is silent
    assert console.verbosity() == (-1 if silent else 2)


def test_colours_may_be_asked_for_before_the_command(contextgen, tmp_path):
    none = tmp_path / "none.yaml"
    assert "\x1b[" in contextgen("--color", "always", "validate", none).err
    assert "\x1b[" not in contextgen("--color", "always", "validate", none, "--color", "never").err


def test_options_that_may_be_given_twice_and_flags_are_free(contextgen, scene, tmp_path):
    twice = ["--set", "seed=1", "--set", "canvas.height=128", "--strict", "--strict", "-v", "-v"]
    assert contextgen("validate", scene, *twice).code == 0


def test_every_command_refuses_a_single_option_given_twice():
    """Once for all of them: in the class that they share."""
    leaves = [command for name in COMMANDS for command in _leaves(LazyGroup().get_command(None, name))]
    assert len(leaves) > len(COMMANDS)
    assert {type(command) for command in leaves} == {SectionedCommand}


def _leaves(command):
    if not isinstance(command, click.Group):
        return [command]
    return [leaf for name in command.list_commands(None) for leaf in _leaves(command.get_command(None, name))]


def test_a_flag_beats_the_environment(contextgen, scene, tmp_path, monkeypatch):
    monkeypatch.setenv("CONTEXTGEN_SEED", "5")
    (*_, job, _) = contextgen("render", scene, "--seed", 7, "--dry-run", "--json", "-o", tmp_path / "out").records
    assert job["seed"] == 7


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STEPS", "abc", "CONTEXTGEN_STEPS (an environment variable): 'abc' is not a valid integer"),
        ("GUIDANCE", "nan", "CONTEXTGEN_GUIDANCE (an environment variable): 'nan' is not a number"),
        ("DRY_RUN", "perhaps", "CONTEXTGEN_DRY_RUN (an environment variable): 'perhaps' is not a valid boolean"),
    ],
)
def test_a_wrong_value_of_the_environment_is_called_that(contextgen, monkeypatch, name, value, said):
    monkeypatch.setenv(f"CONTEXTGEN_{name}", value)
    result = contextgen("render", "x.yaml")
    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["render", "--help"],
        ["doctor", "--help"],
        ["validate", "SCENE"],
        ["compose", "SCENE", "-o", "LAYOUT"],
        ["schema"],
        ["import", "--help"],
        ["inspect", "LAYOUT"],
        ["report", "."],
        ["replay", "--help"],
        ["bench", "synthetic", "--help"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(arguments, scene, tmp_path):
    layout = str(tmp_path / "layout.png")
    arguments = [{"SCENE": str(scene), "LAYOUT": layout}.get(part, part) for part in arguments]
    script = f"import sys; from contextgen_cli.cli import run; run({arguments!r}); " + (
        f"sys.stderr.write('HEAVY ' + ' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("HEAVY ")
    assert "internal error" not in done.stderr


def test_help_imports_no_command():
    script = "import sys; from contextgen_cli.cli import run; run(['--help']); "
    script += "sys.exit(any(name.startswith('contextgen_cli.commands.') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_a_name_that_is_no_utf8_is_printed_as_it_is(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff"
    command = [sys.executable, "-m", "contextgen_cli", "init", path]
    settings = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, capture_output=True, check=False, env=settings)
    assert (done.returncode, done.stdout) == (0, path + b"/scene.yaml\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shells_completion_is_printed(shell):
    done = _completing(_CONTEXTGEN_COMPLETE=f"{shell}_source")
    assert (done.returncode, done.stderr) == (0, "")
    assert "_contextgen_completion" in done.stdout
    assert f"{shell}_source" in (REPOSITORY / "docs" / "guide.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("contextgen rend", "plain,render"),
        ("contextgen render --mem", "plain,--memory"),
        ("contextgen render x --memory le", "plain,lean"),
        ("contextgen render pic", "file,pic"),
        ("contextgen render x -o pic", "file,pic"),
        ("contextgen -v init --reference pic", "file,pic"),
    ],
)
def test_words_are_completed(typed, offered):
    done = _completing(_CONTEXTGEN_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(len(typed.split()) - 1))
    assert done.stdout.splitlines() == [offered], done.stderr


def _completing(**environment):
    command = [sys.executable, "-m", "contextgen_cli"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
