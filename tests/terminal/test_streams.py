"""The standard streams: UTF-8 everywhere, and what happens when one of them cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from folders import paint
from painting import write_scene

from contextgen_cli import cli
from contextgen_cli.terminal import streams

COMMAND = [sys.executable, "-m", "contextgen_cli"]
FULL = Path("/dev/full")
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

with_a_full_device = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
unbuffered_or_not = pytest.mark.parametrize("unbuffered", ["", "1"])


def test_a_reader_that_leaves_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, "schema"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (130, b"")


@with_a_full_device
@unbuffered_or_not
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["schema"],
        ["models", "--json"],
        ["validate", "SCENE", "--format", "json"],
        ["compose", "SCENE", "-o", "-"],
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_standard_output_is_no_bug(scene, arguments, unbuffered):
    write_scene(scene, canvas={"width": 128, "height": 128})  # of which mini has nothing to say
    arguments = [str(scene) if part == "SCENE" else part for part in arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with FULL.open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith("error: standard output cannot be written: the disk is full\n  hint:")
    assert "Exception ignored" not in done.stderr


@with_a_full_device
@pytest.mark.parametrize("output", ["-", "FOLDER"])
def test_a_full_disk_behind_standard_output_ends_a_run(scene, tiny, tmp_path, monkeypatch, output):
    output = output.replace("FOLDER", str(tmp_path / "out"))
    monkeypatch.setattr(sys, "stdout", FULL.open("w"))
    monkeypatch.setattr(sys, "stderr", (tmp_path / "words").open("w"))
    streams.adopt()
    code = cli.run(["render", *map(str, (scene, *tiny)), "-o", output])
    sys.stderr.flush()
    assert code == 3
    assert "standard output cannot be written: the disk is full" in (tmp_path / "words").read_text()


@pytest.mark.parametrize("arguments", [["models"], ["--version"]], ids=" ".join)
def test_a_closed_standard_output_is_told(arguments):
    script = 'exec "$@" >&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *arguments], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 3
    assert "standard output cannot be written: it is closed" in done.stderr


@with_a_full_device
@unbuffered_or_not
@pytest.mark.parametrize(("redirection", "name"), [("2>/dev/full", "full"), ("2>&-", "closed")])
def test_trouble_with_standard_error_changes_nothing(tmp_path, redirection, name, unbuffered):
    good, bad = write_scene(tmp_path / "good.yaml"), write_scene(tmp_path / "bad.yaml", prompt="")
    for path, code in ((good, 0), (bad, 2)):
        script = ["sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, "validate", str(path)]
        done = subprocess.run(script, env={**os.environ, "PYTHONUNBUFFERED": unbuffered}, check=False)
        assert done.returncode == code, name


def test_data_is_utf8_whatever_the_locale(tmp_path):
    environment = {**os.environ, **ASCII, "CONTEXTGEN_COLOR": "never"}

    def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=True)

    scene = write_scene(tmp_path / "s.yaml", prompt="a snowman ☃ in snow")
    picture = f"out/{paint(tmp_path / 'out', 's', prompt='a snowman ☃ in snow').name}.png"
    assert "a snowman ☃ in snow" in run("inspect", picture).stdout.decode()
    assert "☃" in run("inspect", "--scene", picture).stdout.decode()
    assert run("compose", scene, "-o", "蟹.png", "-vv").stdout.decode() == "蟹.png\n"


UNKNOWN_USER = """
import pwd, sys
def unknown(number):
    raise KeyError(number)
pwd.getpwuid = unknown
from contextgen_cli.__main__ import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="knows its users in another way")
@pytest.mark.parametrize("arguments", [["models"], ["doctor"], ["render", "picnic.yaml", "--dry-run"]], ids=" ".join)
def test_a_user_whom_the_system_does_not_know_is_served_as_well(tmp_path, arguments):
    """As in a container that is run with a number: no passwd entry, no HOME."""
    write_scene(tmp_path / "picnic.yaml", canvas={"width": 128, "height": 128})
    command = [sys.executable, "-c", UNKNOWN_USER, *arguments]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "mini" in done.stdout + done.stderr
