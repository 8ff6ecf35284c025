"""Values of an object from outside have the types and limits that are asked for, or are refused by their place."""

from __future__ import annotations

from typing import Any

import pytest

from contextgen_cli.records.json_fields import Fields

FIELDS = Fields.of({"text": "abc", "whole": 7, "number": 2.5, "none": None, "inner": {"x": "y"}, "list": [{"a": 1}]})


def test_what_is_as_it_must_be_is_given_as_it_is() -> None:
    assert FIELDS.text("text", 3) == "abc"
    assert (FIELDS.whole("whole", 7, 7), FIELDS.number("number", 0, 3), FIELDS.number("whole", 0, 9)) == (7, 2.5, 7)
    assert type(FIELDS.number("whole", 0, 9)) is int
    assert FIELDS.texts("inner", 1) == {"x": "y"}
    assert [each.whole("a", 0, 1) for each in FIELDS.objects("list", 1)] == [1]
    assert (FIELDS.get("none"), FIELDS.has("none"), FIELDS.has("gone"), FIELDS.has("text")) == (
        None,
        False,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("method", "arguments", "said"),
    [
        ("text", ("gone", 9), "`gone` is missing"),
        ("text", ("whole", 9), "`whole` is no text"),
        ("text", ("text", 2), "`text` is longer than 2 characters"),
        ("whole", ("number", 0, 9), "`number` is no whole number from 0 to 9"),
        ("whole", ("whole", 8, 9), "`whole` is no whole number from 8 to 9"),
        ("number", ("text", 0, 9), "`text` is no number from 0 to 9"),
        ("number", ("number", 0, 2), "`number` is no number from 0 to 2"),
        ("object", ("list",), "`list` is no object"),
        ("objects", ("inner", 9), "`inner` is no list of 9 at most"),
        ("objects", ("list", 0), "`list` is no list of 0 at most"),
        ("texts", ("list", 9), "`list` is no object"),
    ],
)
def test_what_is_not_is_refused_by_its_name(method: str, arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        getattr(FIELDS, method)(*arguments)


@pytest.mark.parametrize("value", [True, "7", 7.0, None, [7]])
def test_a_whole_number_is_nothing_else(value: object) -> None:
    with pytest.raises(ValueError, match="no whole number"):
        Fields.of({"a": value}).whole("a", 0, 9)


def test_a_place_within_is_named_from_outside() -> None:
    outer = Fields.of({"scene": {"boxes": [{"left": "x"}]}})
    with pytest.raises(ValueError, match=r"`scene\.boxes\[0\]\.left` is no number"):
        outer.object("scene").objects("boxes", 1)[0].number("left", 0, 1)


@pytest.mark.parametrize("value", [[], None, "x", 7])
def test_the_whole_must_be_an_object(value: object) -> None:
    with pytest.raises(ValueError, match="no object"):
        Fields.of(value)
