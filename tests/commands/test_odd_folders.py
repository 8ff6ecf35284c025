"""Output folders to which somebody else has written: every command reads them, and ends with words."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folders import attempt, paint
from painting import write_scene
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contextgen_cli.batch import ledger

QUICK = 2.0  # seconds of processors that a command may take over such a folder, its own work included
GIBIBYTE = 1 << 30
pytestmark = pytest.mark.skipif(os.name == "nt", reason="has no FIFOs, and links need rights")


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    """A good picture with its ledger, among much that is none, and links to what must stay unharmed."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out"
    job = paint(folder, "good")
    ledger.append(folder, [attempt(job)])
    (tmp_path / "victim").write_text("mine")
    os.mkfifo(folder / "fifo.png")
    os.mkfifo(folder / "good-0.layout.png")
    (folder / "folder.png").mkdir()
    (folder / "dangling.png").symlink_to("nowhere")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / ".contextgen").mkdir()
    os.mkfifo(folder / ".contextgen" / "images.json")
    with (folder / "sparse.png").open("wb") as file:
        file.truncate(3 * GIBIBYTE)
    (folder / "report.html").symlink_to(tmp_path / "victim")
    (folder / "sheet.png").symlink_to(tmp_path / "victim")
    return folder


def forged(picture: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A picture whose record somebody wrote: that of `good`, changed."""
    with Image.open(picture.with_name("good-0.png")) as image:
        record = json.loads(image.info["contextgen"])
    change(record)
    return forged_text(picture, json.dumps(record))


def forged_text(picture: Path, record: str) -> Path:
    text = PngInfo()
    text.add_itxt("contextgen", record)
    Image.new("RGB", (128, 96)).save(picture, pnginfo=text)
    return picture


def entries_of(page: Path) -> dict[str, dict[str, Any]]:
    content = page.read_text("utf-8").split('type="application/json">')[1].split("</script>")[0]
    return {entry["name"]: entry for entry in json.loads(content)["entries"]}


def test_a_report_shows_what_can_be_shown_and_says_why_not(contextgen, out, tmp_path):
    began = time.process_time()
    result = contextgen("report", "out", "--contact-sheet", "out/sheet.png")
    assert (result.code, time.process_time() - began < QUICK) == (0, True), result.err
    entries = entries_of(out / "report.html")
    assert set(entries) == {"good-0", "fifo", "folder", "dangling", "device", "sparse"}
    assert entries["good-0"]["outcome"] == "rendered"
    assert "not a regular file" in entries["fifo"]["problem"]
    assert "not a picture" in entries["sparse"]["problem"]
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("name", ["fifo", "folder", "dangling", "device", "sparse"])
def test_what_is_no_picture_is_told_by_inspect_and_replay(contextgen, out, name):
    for command in ("inspect", "replay"):
        result = contextgen(command, out / f"{name}.png")
        assert result.code == 2
        said = "no picture in it remembers a scene" if name == "folder" else "cannot be read"
        assert f"{name}.png: {said}" in result.err


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a": NaN}', "no number"),
        ('{"a": "\\ud800"}', "surrogates"),
        ("[]", "not a JSON object"),
        ('{"job": 1, "job": 2}', "twice"),
        ("{", "Expecting"),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_record_is_told_by_all_and_takes_no_place(contextgen, tiny, scene, out, record, said):
    picture = forged_text(out / "picnic-0.png", record)
    for command in (("inspect",), ("inspect", "--json"), ("replay",)):
        result = contextgen(*command, picture)
        assert result.code == 2
        assert f"{picture}: its record cannot be read: " in result.err and said in result.err
    contextgen("report", "out")
    assert said in entries_of(out / "report.html")["picnic-0"]["problem"]
    before = picture.read_bytes()
    rendered = contextgen("render", scene, *tiny, "-o", out)
    assert rendered.code == 0, rendered.err
    assert f"{picture} is the picture of another scene; wrote " in rendered.err
    assert picture.read_bytes() == before


@pytest.mark.parametrize("job", [None, 7, ["x"], {"a": 1}], ids=str)
def test_a_job_that_is_no_text_is_nobodys(contextgen, tiny, scene, out, job):
    picture = forged(out / "picnic-0.png", lambda record: record.update(job=job))
    result = contextgen("render", scene, *tiny, "-o", picture)
    assert result.code == 2
    assert f"{picture} holds another picture\n" in result.err
    assert contextgen("report", "out").code == 0


def test_a_record_that_names_what_is_no_image_has_none(contextgen, out, tmp_path):
    with (tmp_path / "scenes" / "huge.png").open("wb") as file:
        file.truncate(3 * GIBIBYTE)
    names = {"huge": "huge.png", "fifo": "../out/fifo.png", "device": "../out/device.png", "long": "a/" * 1000 + "x"}
    for name, path in names.items():

        def change(record: dict[str, Any], path: str = path) -> None:
            record["inputs"][path] = "0" * 64
            record["scene"]["references"]["crab"]["image"] = path
            record["scene"]["layout"] = path

        forged(out / f"names-{name}.png", change)
    began = time.process_time()
    assert contextgen("report", "out").code == 0
    said = {name: contextgen("replay", out / f"names-{name}.png", "--inputs", "scenes").err for name in names}
    assert time.process_time() - began < 2 * QUICK
    entries = entries_of(out / "report.html")
    notes = {name: {shown[0]: shown[2] for shown in entries[f"names-{name}"]["refs"]}["crab"] for name in names}
    assert notes.pop("huge") == "huge.png was changed since"
    assert notes == {name: f"{names[name]} is missing" for name in notes}
    assert "huge.png was changed since" in said["huge"]
    assert "fifo.png is missing" in said["fifo"]


def test_a_name_of_several_lines_is_one_line_of_the_contact_sheet(contextgen, out):
    job = paint(out, "late")
    ledger.append(out, [replace(attempt(job), scene="la\nte\x1b")])
    assert contextgen("report", "out", "--contact-sheet", "all.png").code == 0


def test_a_folder_whose_name_is_no_utf8_has_its_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path(os.fsdecode(b"caf\xe9"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    job = paint(tmp_path / folder, "good")
    ledger.append(folder, [attempt(job)])
    done = subprocess.run([sys.executable, "-m", "contextgen_cli", "report", folder], capture_output=True, check=True)
    assert done.stdout == os.fsencode(folder / "report.html") + b"\n"
    assert set(entries_of(folder / "report.html")) == {"good-0"}


def test_a_folder_without_locks_is_warned_of_once(contextgen, tiny, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    path = write_scene(tmp_path / "picnic.yaml", seeds=[1, 2])
    result = contextgen("render", path, *tiny, "-o", tmp_path / "out", "--save-layout")
    assert (result.code, len(result.lines)) == (0, 2), result.err
    assert result.err.count("its file system has no locks") == 1
    assert [each.outcome for each in ledger.read(tmp_path / "out").attempts] == ["rendered"] * 2


@pytest.mark.parametrize("command", ["render", "report"])
def test_a_ledger_that_is_a_pipe_ends_a_run_before_it_begins(contextgen, tiny, scene, tmp_path, command):
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "ledger.jsonl")
    arguments = (scene, *tiny, "-o", tmp_path / "out") if command == "render" else (tmp_path / "out",)
    result = contextgen(command, *arguments)
    assert result.code == 3
    assert "ledger.jsonl: cannot be read: not a regular file" in result.err
