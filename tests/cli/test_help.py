"""What a newcomer meets first: help, mistyped commands, and how fast it all starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from contextgen_cli.cli import COMMANDS

HEAVY = ("torch", "diffusers", "transformers", "accelerate")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples(contextgen, command):
    result = contextgen(command, "--help")
    assert result.code == 0
    assert f"contextgen {command}" in result.out.split("Examples:")[1]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_sixty_columns(contextgen, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "60")
    result = contextgen(*command.split(), "--help")
    assert [line for line in result.lines if len(line) > 60] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["rendr"], "Did you mean 'render'?"),
        (["render"], "Missing argument 'SCENE...'"),
        (["render", "x.yaml", "--step", "3"], "--steps"),
        (["render", "x.yaml", "--size", "100"], "'100' is not a size"),
        (["render", "x.yaml", "--size", "100x96"], "96 is the nearest"),
        (["render", "x.yaml", "--size", "32x96"], "width 32 is not between 64 and 4096"),
        (["render", "x.yaml", "--set", "steps"], "write key=value"),
        (["render", "x.yaml", "--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_a_mistyped_command_line_is_refused_with_help(contextgen, typed, said):
    result = contextgen(*typed)
    assert result.code == 2
    assert said in result.err
    assert result.out == ""


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


def test_a_reader_that_leaves_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "contextgen_cli.cli", "schema"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (130, b"")


def test_data_is_utf8_whatever_the_locale(scene, tmp_path):
    command = [sys.executable, "-m", "contextgen_cli.cli", "compose", str(scene), "-o", str(tmp_path / "蟹.png")]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == f"{tmp_path / '蟹.png'}\n"
