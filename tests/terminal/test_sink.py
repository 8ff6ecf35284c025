"""One command's output, for a person and for a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contextgen_cli.scene.check.problems import Problem, Severity
from contextgen_cli.terminal.sink import Output

RECORD = {"type": "layout", "scene": "ä", "path": "a b.png"}
PROBLEM = Problem(Severity.ERROR, "unknown-key", "no such key", Path("a.yaml"), 3)
person, program = Output(), Output(as_json=True)


def test_an_item(capsys):
    person.item(RECORD, text="a b.png")
    person.item(RECORD, text="words", folded=True)
    person.item(RECORD)
    assert capsys.readouterr() == ("a b.png\nwords\n", "")
    program.item(RECORD, text="a b.png")
    program.item(RECORD)
    assert capsys.readouterr().out == 2 * '{"type": "layout", "scene": "ä", "path": "a b.png"}\n'


def test_a_table(capsys):
    records = [{"type": "row", "name": name} for name in "ab"]
    arguments = (records, ["name", "TFLOP"], [["a", 1.0], ["b", 1234.5]])
    person.table(*arguments, heading="two:")
    assert capsys.readouterr() == ("two:\nname  TFLOP\na         1\nb     1,234\n", "")
    program.table(*arguments, heading="two:")
    assert list(map(json.loads, capsys.readouterr().out.splitlines())) == records


def test_a_summary_is_a_note_to_a_person_and_the_last_line_for_a_program(capsys):
    assert person.summary({"layouts": 1}, text="one layout", exit_code=3) == 3
    assert capsys.readouterr() == ("", "one layout\n")
    assert person.summary({"layouts": 1}, exit_code=0) == 0
    assert capsys.readouterr() == ("", "")
    assert person.summary({"layouts": 1}, result="a.png", text="one layout", exit_code=0) == 0
    assert capsys.readouterr() == ("a.png\n", "one layout\n")
    assert program.summary({"layouts": 1}, result="a.png", text="one layout", exit_code=3) == 3
    assert capsys.readouterr() == ('{"type": "summary", "layouts": 1, "exit": 3}\n', "")


@pytest.mark.parametrize(("sink", "stream"), [(person, 1), (program, 0)])
def test_problems_go_where_they_are_looked_for(capsys, sink, stream):
    sink.problems([PROBLEM])
    written = capsys.readouterr()
    assert "no such key" in written[stream] and not written[1 - stream]
