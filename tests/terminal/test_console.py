"""What reaches the terminal: colours where they are wanted, a log for a bug, and a display that moves."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from painting import write_scene

from contextgen_cli.errors import ContextgenError
from contextgen_cli.terminal import console


@pytest.mark.parametrize(
    ("options", "environment", "coloured"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        ((), {"CONTEXTGEN_COLOR": "always"}, True),
    ],
)
def test_colours(contextgen, tmp_path, monkeypatch, options, environment, coloured):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = contextgen("inspect", tmp_path / "missing.png", *options)
    assert ("\x1b[" in result.err) is coloured
    assert "missing.png" in result.err


def test_a_bug_leaves_a_log_and_says_where(contextgen, tiny, scene, monkeypatch):
    def broken(*arguments: object) -> None:
        raise KeyError("spans")

    monkeypatch.setattr("contextgen_cli.app.render.plan", broken)
    result = contextgen("render", scene, *tiny)
    assert result.code == 70
    assert "Traceback" not in result.err
    log = Path(re.search(r"\S+\.log", result.err).group())
    assert "KeyError: 'spans'" in log.read_text()


def test_a_log_that_cannot_be_written_goes_to_the_terminal(capsys, monkeypatch):
    def full(*arguments: object, **settings: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    try:
        {}["spans"]
    except KeyError as problem:
        assert console.bug(problem) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err and err.endswith("KeyError: 'spans'\n")


def visible_lines(written: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written).replace("\r", "\n").split("\n")


def test_bars_on_a_terminal_of_sixty_columns(on_a_terminal, tiny, scene, tmp_path):
    code, written = on_a_terminal("render", scene, *tiny, "--count", 2, "-o", tmp_path / "out")
    assert code == 0
    assert "━" in written
    assert "picnic-1" in written
    bars = [line for line in visible_lines(written) if "━" in line]
    assert max(map(len, bars)) <= 60
    assert str(tmp_path / "out" / "picnic-1.png") in written
    assert "it/s" not in written  # the libraries' own bars


def test_words_are_folded_between_words_on_a_narrow_terminal(on_a_terminal, tmp_path):
    path = write_scene(tmp_path / "s.yaml", promt="a misspelt key", prompt="x " * 400)
    for arguments in (("validate", path), ("models",), ("doctor",)):
        _, written = on_a_terminal(*arguments)
        long = [line for line in visible_lines(written) if len(line) > 60]
        assert all(len(line.split()) == 1 for line in long), long
        told = "".join(f"{line} " for line in visible_lines(written))
        assert re.search(r"unknown\s+key|of\s+the\s+base|version\s+torch", told)


def test_a_plan_folds_its_names_before_its_numbers(on_a_terminal, contextgen, tiny, tmp_path):
    places = ["a meadow at the edge of a wood", "the seaside"]
    path = write_scene(tmp_path / "s.yaml", prompt="in ${where}", matrix={"where": places})
    asked = ("render", path, *tiny, "-o", tmp_path / "out")
    contextgen(*asked, "--limit", 1)
    _, written = on_a_terminal(*asked, "--dry-run", columns=66)
    rows = visible_lines(written)
    assert max(map(len, rows)) <= 66
    numbers = re.compile(r" \d+x\d+ +\d+ +\d+ +[\d.]+ +[\d.]+ GiB +(done|to do) ")
    assert len(list(filter(numbers.search, rows))) == len(places)


def test_words_are_never_folded_off_a_terminal(contextgen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert max(map(len, contextgen("models").lines)) > 60


def test_what_every_picture_would_say_is_not_shown(monkeypatch, capsys):
    for library in ("transformers", "diffusers"):  # as they are once a model is opened
        monkeypatch.setattr(logging.getLogger(library), "handlers", [])
        monkeypatch.setattr(logging.getLogger(library), "propagate", True)
    console.configure(verbosity=2)
    console.adopt_logging()
    logging.getLogger("transformers").warning("Token indices sequence length is longer than … (90 > 77)")
    logging.getLogger("diffusers").warning("The following part of your input was truncated because CLIP can only …")
    logging.getLogger("diffusers").warning("something else")
    assert capsys.readouterr().err == "diffusers: something else\n"


def test_what_the_library_warns_of_is_always_shown(capsys):
    console.configure(verbosity=-1)
    console.adopt_logging()
    for name in ("contextgen.backends.anything", "somebody.else"):
        logging.getLogger(name).warning("the folder is full")
        logging.getLogger(name).info("compiled")
    assert capsys.readouterr().err == "warning: the folder is full\n"


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [(0, ""), (1, "compiled\n"), (2, "compiled\nsomebody.else: the folder is full\nsomebody.else: compiled\n")],
)
def test_our_detail_comes_first_and_libraries_second(capsys, verbosity, shown):
    console.configure(verbosity=verbosity)
    console.adopt_logging()
    logging.getLogger("contextgen.backends.anything").info("compiled")
    logging.getLogger("somebody.else").warning("the folder is full")
    logging.getLogger("somebody.else").info("compiled")
    assert capsys.readouterr().err == shown


def test_v_says_how_the_model_was_opened(contextgen, tiny, scene, tmp_path):
    said = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "-v").err
    assert re.search(r"^tiny-kontext: opened in [0-9.]+ s \(cpu, float32, --memory full\)$", said, re.MULTILINE)


def test_a_picture_is_drawn_when_it_is_painted_and_not_when_it_is_skipped(on_a_terminal, tiny, scene, tmp_path):
    paint = ("render", scene, *tiny, "-o", tmp_path / "out")
    assert "▀" in on_a_terminal(*paint)[1]
    code, written = on_a_terminal(*paint)
    assert code == 0 and "1 skipped" in written
    assert "▀" not in written


def test_a_dumb_terminal_gets_plain_lines(on_a_terminal, tiny, scene, tmp_path):
    code, written = on_a_terminal("render", scene, *tiny, "-o", tmp_path / "out", TERM="dumb")
    assert code == 0
    assert "\x1b" not in written
    assert "[1/1] picnic-0: rendered" in written


def test_a_picture_is_not_written_to_a_terminal(on_a_terminal, tiny, scene):
    code, written = on_a_terminal("render", scene, *tiny, "-o", "-")
    assert code == 2
    assert "would write a PNG to the terminal" in written


STEERING = "a\x1b[2J\x07\x9b1m\x7f\u2028\u202a\u202e\u2066\u2069b\udce9"


@pytest.mark.parametrize(
    "say",
    [
        console.note,
        console.warn,
        lambda text: console.error(ContextgenError(text, hint=text), about=text),
        console.emit_text,
        lambda text: console.emit_table(["name"], [[text], [text]]),
        lambda text: console.emit_json({text: text}),
        lambda text: console.note_json({text: text}),
        lambda text: console.report_bug(text, "trace"),
    ],
    ids=["note", "warn", "error", "text", "table", "json", "event", "bug"],
)
def test_no_foreign_text_steers_the_terminal(capsys, say):
    say(STEERING)
    out, err = capsys.readouterr()
    assert not set(out + err) & set(STEERING[1:]) - set("[2J1mb")
    assert "b" in out + err


def test_json_says_all_the_same(capsys):
    console.emit_json({"a": STEERING})
    assert json.loads(capsys.readouterr().out) == {"a": STEERING}


def test_lines_of_ours_stay_lines(capsys):
    console.note("one\n  two")
    assert capsys.readouterr().err == "one\n  two\n"


def test_a_files_name_is_data_for_a_program_and_harmless_on_a_terminal(contextgen, on_a_terminal, tmp_path):
    folder = tmp_path / "a\x1b[2Jb"
    folder.mkdir()
    path = write_scene(folder / "picnic.yaml", canvas={"width": 128, "height": 128})
    command = ("compose", path, "-o", folder / "layout.png")
    assert contextgen(*command).out == f"{folder / 'layout.png'}\n"
    code, seen = on_a_terminal(*command, columns=500)
    assert code == 0
    assert "a\\x1b[2Jb" in seen and "\x1b[2J" not in seen
