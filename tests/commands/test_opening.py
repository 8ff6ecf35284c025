"""`--open` of render and report: what they wrote is shown by the program that BROWSER names."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest
from painting import write_scene


@pytest.fixture
def shown(tmp_path, monkeypatch) -> Path:
    """A file with the addresses that the browser was given, one a line."""
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" >> "{seen}"\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # it has read the environment once, in another test
    monkeypatch.setattr(webbrowser, "_browsers", {})
    seen.touch()
    return seen


pytestmark = pytest.mark.skipif(os.name == "nt", reason="the browser of these tests is a shell script")


def test_a_single_picture_is_shown_and_of_several_their_folder(contextgen, tiny, scene, shown, tmp_path):
    out = tmp_path / "out"
    assert contextgen("render", scene, *tiny, "-o", out, "--open").code == 0
    assert contextgen("render", scene, *tiny, "-o", out, "--open", "--count", 2).code == 0
    assert shown.read_text().splitlines() == [(out / "picnic-0.png").as_uri(), out.as_uri()]


def test_the_report_is_shown(contextgen, tiny, scene, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert contextgen("render", scene, *tiny, "-o", "out").code == 0
    assert shown.read_text() == ""
    assert contextgen("report", "out", "--open").code == 0
    assert shown.read_text().splitlines() == [(tmp_path / "out" / "report.html").as_uri()]


def test_nothing_to_open_with_is_said_and_is_no_error(contextgen, tiny, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    monkeypatch.setattr(webbrowser, "_browsers", {})
    done = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--open")
    assert done.code == 0
    assert "set BROWSER" in done.err


@pytest.mark.parametrize("options", [("-o", "-"), ("--dry-run",)])
def test_where_no_file_is_written_nothing_is_opened(options, contextgen, tiny, scene, shown):
    refused = contextgen("render", scene, *tiny, *options, "--open")
    assert refused.code == 2
    assert "--open" in refused.err
    assert shown.read_text() == ""


def test_in_a_process_of_its_own(shown, tmp_path):
    """Where nothing of Python's is patched."""
    write_scene(tmp_path / "picnic.yaml", sampling={"steps": 1})
    command = [sys.executable, "-m", "contextgen_cli", "render", "picnic.yaml", "-o", "a.png", "--open"]
    subprocess.run([*command, "--processes", "0"], cwd=tmp_path, check=True, capture_output=True)
    assert shown.read_text().splitlines() == [(tmp_path / "a.png").as_uri()]
