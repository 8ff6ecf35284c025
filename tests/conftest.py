"""Fixtures of all tests: a bare environment, the command line, the tiny real model, a scene to paint with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

import lines
import pytest
from painting import TINY_ADAPTER, TINY_MODEL, write_scene

from contextgen_cli import cli
from contextgen_cli.terminal import console

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tiny model gains nothing from threads, and tests run side by side
os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the hub client is imported


def pytest_configure() -> None:
    """A command that a test interrupts hears it, also where the tests run in the background and are to ignore it."""
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)


@dataclass(frozen=True)
class Result:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings of the machine's reach a test, and no network does."""
    for name in [name for name in os.environ if name.startswith("CONTEXTGEN_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    yield
    console.configure()


@pytest.fixture
def contextgen(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command line in this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        typed = [str(argument) for argument in arguments]
        code = cli.run(typed)
        out, err = capsys.readouterr()
        lines.kinds(typed, out, err)  # whatever a test looks at, each line must be in the contract
        return Result(code, out, err)

    return run


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Run the command line in this process with its streams on a terminal; its code, and all that is seen there."""

    def run(
        *arguments: object,
        columns: int = 60,
        streams: tuple[str, ...] = ("stdin", "stdout", "stderr"),
        **environment: str,
    ) -> tuple[int, str]:
        seen, terminal = os.openpty()
        written: list[bytes] = []
        opened: list[TextIO] = []
        reader = Thread(target=_read_all, args=(seen, written), daemon=True)  # a terminal holds a few kilobytes only
        reader.start()
        with monkeypatch.context() as patched:
            for name, value in {"TERM": "xterm-256color", "COLUMNS": str(columns), **environment}.items():
                patched.setenv(name, value)
            for name in streams:
                opened.append(os.fdopen(os.dup(terminal), "r" if name == "stdin" else "w", encoding="utf-8"))
                patched.setattr(sys, name, opened[-1])
            code = cli.run([str(argument) for argument in arguments])
        for stream in opened:
            stream.close()
        os.close(terminal)
        reader.join()
        return code, b"".join(written).decode()

    return run


def _read_all(terminal: int, written: list[bytes]) -> None:
    """What reaches a terminal until its last writer leaves, which Linux tells as an error."""
    with contextlib.suppress(OSError):
        while block := os.read(terminal, 1 << 16):
            written.append(block)
    os.close(terminal)


@pytest.fixture
def tiny() -> tuple[object, ...]:
    """The options that paint with the tiny model, small and quickly, in this process."""
    return ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu", "--steps", 1, "--processes", 0)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene file of two subjects on a small canvas, with its references beside it."""
    return write_scene(tmp_path / "picnic.yaml")
