"""JSON of anybody's: an object of modest size, or words for what it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contextgen.weights.json_files import parse_object, read_object


def test_an_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"ä": [1, {"b": null}]}', "utf-8")
    assert read_object(tmp_path / "a.json") == {"ä": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"[]", "expected a JSON object"),
        (b'"text"', "expected a JSON object"),
        (b"\xff\xfe{}", "codec can't decode"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "limit"),
        (b"{}" + b" " * (1 << 26), "more than 64 MiB"),
    ],
    ids=lambda value: value[:12],
)
def test_anything_else_is_said_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_object(tmp_path / "a.json")


def test_nothing_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ValueError, match="no regular file"):
            read_object(place)


def test_a_text_is_parsed_alike() -> None:
    assert parse_object('{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="expected a JSON object"):
        parse_object("1")
