"""Ctrl-C, `kill` and a closed terminal: from the first moment on, however often."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from painting import write_scene
from waiting import DEADLINE, wait_until

from contextgen_cli.terminal import interruption

COMMAND = [sys.executable, "-m", "contextgen_cli"]
pytestmark = [pytest.mark.processes, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")]


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """A command at the first moment in which it can be interrupted: its imports have just begun."""
    command = [*COMMAND, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: listens(process), "the command to listen for signals")
    return process


def listens(process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    return bool(caught(process.pid) >> (signal.SIGTERM - 1) & 1)


def caught(pid: int) -> int:
    """The signals that a process has handlers for."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), 16)


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_at_the_start(tiny, number, delay):
    process = start("render", "-", *tiny)  # it cannot end by itself: standard input stays open
    time.sleep(delay)
    process.send_signal(number)
    err = process.stderr.read()
    process.wait(timeout=DEADLINE)
    assert process.returncode == 130
    assert err.strip().endswith(b"interrupted")
    assert b"Traceback" not in err and b"bug" not in err


def test_several_times(tmp_path, tiny):
    path = write_scene(tmp_path / "s.yaml", seed=0, count=500)
    process = start("render", path, *tiny, "-o", tmp_path / "out")
    wait_until(lambda: list(tmp_path.glob("out/s-0.png")) or process.poll() is not None, "the first picture")
    for _ in range(6):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert err.count(b"interrupted") == 1
    assert not list(tmp_path.glob("out/.*"))


ON_ITS_TERMINAL = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
ON_ITS_TERMINAL += "os.execv(sys.argv[1], sys.argv[1:])"


def test_at_a_terminal_the_bar_is_gone_and_what_goes_on_is_said(tmp_path, tiny):
    """The letters `^C` would stand at the end of the bar and push it out of its place, so that a dead one stays."""
    path = write_scene(tmp_path / "s.yaml", seed=0, count=500)
    seen, terminal = os.openpty()
    typed = [*COMMAND, "render", str(path), *map(str, tiny), "-o", str(tmp_path / "out")]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    process = subprocess.Popen(
        [sys.executable, "-c", ON_ITS_TERMINAL, *typed], env={**os.environ, "TERM": "xterm", "COLUMNS": "60"}, **streams
    )
    os.close(terminal)
    written = read_until(seen, b"s-0.png")
    os.write(seen, b"\x03")
    written += read_until(seen, None)
    assert process.wait(timeout=DEADLINE) == 130
    assert b"^C" not in written
    _, _, summary = written.partition(2 * ERASED + b"interrupted: the same command goes on\r\n")
    assert b"left undone" in summary, "the bar has two lines, and both are gone"


ERASED = b"\x1b[1A\x1b[2K"  # a line up, and emptied


def read_until(terminal: int, words: bytes | None) -> bytes:
    """What is written to a terminal up to some words, or to its end."""
    written = b""
    with contextlib.suppress(OSError):  # how Linux tells that the last writer left
        while words is None or words not in written:
            written += os.read(terminal, 1 << 16)
    return written


def test_one_that_an_import_swallowed_is_raised_before_standard_input_is_waited_for(contextgen, monkeypatch):
    monkeypatch.setattr(interruption, "_last", time.monotonic())
    monkeypatch.setattr("sys.stdin", None)  # reading it would be a bug's exit
    result = contextgen("validate", "-")
    assert (result.code, result.err.strip()) == (130, "interrupted")


def test_nohup_is_heeded(scene):
    script = 'trap "" HUP; exec "$@"'
    command = ["sh", "-c", script, "sh", *COMMAND, "validate", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: listens(process), "the command to listen for signals")
    process.send_signal(signal.SIGHUP)
    process.communicate(scene.read_bytes().replace(b"refs/", f"{scene.parent}/refs/".encode()), timeout=DEADLINE)
    assert process.returncode == 0


def test_the_first_is_noted_and_told_and_the_next_is_raised(monkeypatch):
    monkeypatch.setattr(interruption, "_last", None)
    monkeypatch.setattr(interruption, "_GRACE", 0.0)
    told = []
    with interruption.noted(lambda: told.append(1)) as heard:
        signal.raise_signal(signal.SIGTERM)
        assert (told, heard()) == ([1], True)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert told == [1]
    with interruption.noted(lambda: told.append(2)):
        assert told == [1, 2]  # one that a library swallowed before the block
