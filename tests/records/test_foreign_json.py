"""JSON from anywhere: what ours would never say is refused, whatever `json` takes."""

from __future__ import annotations

import pytest

from contextgen_cli.records.foreign_json import DEEPEST, parse, parse_object


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        ('"\\ud83e\\udd80"', "🦀"),  # as `json.dumps` writes it
        (b'"caf\xc3\xa9"', "café"),
        (b'"\xff"', "\udcff"),  # the byte of a file's name
        (str(2**63 - 1), 2**63 - 1),
        ("[" * DEEPEST + "]" * DEEPEST, None),
    ],
)
def test_what_we_write_is_read(text: str | bytes, value: object) -> None:
    found = parse(text)
    assert found == value or value is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1e999", "no number"),
        ("[NaN]", "no number"),
        ('{"a": -Infinity}', "no number"),
        ("1" + "0" * 400, "too large"),
        ("1" * 5000, None),
        ("[" * 100_000, "too deeply"),
        ('{"a": ' * 500 + "1" + "}" * 500, "too deeply"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "too deeply"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"b": [{"a": 1, "a": 2}]}', "twice"),
        ('"\\ud800"', "surrogates"),
        ('{"\\udbff": 1}', "surrogates"),
        ('{"a"', None),
        ("", None),
    ],
)
def test_what_we_never_write_is_refused(text: str, said: str | None) -> None:
    for written in (text, text.encode()):
        with pytest.raises(ValueError, match=said):
            parse(written)


@pytest.mark.parametrize("text", ["[]", "7", "null", '"{}"'])
def test_an_object_is_an_object(text: str) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        parse_object(text)
