"""Each keyword of a schema is refused in words that say what is wanted, what was found, and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contextgen_cli.scene.check.schema_messages import explained, wanted

LENGTH = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+%$"}]}


def violation(schema: dict[str, Any], value: object) -> Any:
    (error,) = Draft202012Validator(schema).iter_errors(value)
    return error


@pytest.mark.parametrize(
    ("schema", "value", "code", "message", "hint"),
    [
        (
            {"type": "integer"},
            "12",
            "wrong-type",
            '`n` must be a whole number; this is the text "12"',
            "remove the quotes",
        ),
        ({"type": "integer"}, "a dozen", "wrong-type", '`n` must be a whole number; this is the text "a dozen"', None),
        ({"type": "string"}, 7, "wrong-type", "`n` must be a text; this is 7", 'for the text, write "7" in quotes'),
        (
            {"type": "string"},
            True,
            "wrong-type",
            "`n` must be a text; this is true",
            'for the text, write "true" in quotes',
        ),
        ({"type": ["array", "string"]}, {}, "wrong-type", "`n` must be a list or a text; this is a mapping", None),
        ({"type": "array"}, None, "wrong-type", "`n` must be a list; it is empty", None),
        ({"type": "boolean"}, [1], "wrong-type", "`n` must be true or false; this is a list", None),
        ({"minimum": 64}, 63, "out-of-range", "`n` must be at least 64; this is 63", None),
        ({"maximum": 9}, 9.5, "out-of-range", "`n` must be at most 9; this is 9.5", None),
        ({"exclusiveMinimum": 0}, 0, "out-of-range", "`n` must be more than 0; this is 0", None),
        ({"exclusiveMaximum": 1}, 1, "out-of-range", "`n` must be less than 1; this is 1", None),
        (
            {"multipleOf": 16},
            250,
            "not-a-multiple",
            "`n` must be a multiple of 16; this is 250",
            "the nearest are 240 and 256",
        ),
        ({"pattern": "\\S"}, "  ", "empty-text", "`n` is empty", None),
        ({"minLength": 1}, "", "empty-text", "`n` is empty", None),
        ({"pattern": "^(?!-)\\w+$"}, "a b", "bad-name", '`n` cannot be a name; this is the text "a b"', "use letters"),
        ({"pattern": "^red|blue$"}, "blu", "unknown-value", "`n` must be one of red, blue;", "blue"),
        ({"enum": ["area", "image"]}, "aera", "unknown-value", "`n` must be one of area, image;", "area"),
        (
            {"enum": ["area", "image"]},
            "zzz",
            "unknown-value",
            '`n` must be one of area, image; this is the text "zzz"',
            None,
        ),
        (
            LENGTH,
            "12 px",
            "bad-length",
            '`n` is no length; this is the text "12 px"',
            "whole pixels, such as 120, or per cent",
        ),
        ({"const": 1}, 2, "wrong-version", "`n` must be 1; this is 2", "this program reads version 1"),
        ({"minItems": 2, "maxItems": 2}, [1], "wrong-length", "`n` must hold 2 items, not 1", None),
        ({"maxItems": 2}, [1, 2, 3], "too-many-items", "`n` holds 3 items; at most 2 are possible", None),
        ({"minItems": 1}, [], "empty-list", "`n` is empty; at least one is needed", None),
        ({"minProperties": 1}, {}, "empty-list", "`n` is empty; at least one is needed", None),
        ({"maxProperties": 1}, {"synth": 1, "imig": 2}, "too-many-keys", "`n` must have only one of synth, imig", None),
        ({"uniqueItems": True}, [3, 5, 3], "repeated-item", "`n` holds 3 twice", "each would paint the same picture"),
        ({"not": {}}, 1, "invalid-value", "`n`: ", None),
    ],
)
def test_what_is_refused_is_said_in_words(schema, value, code, message, hint) -> None:
    said_code, said, advice = explained(violation(schema, value), ("n",))
    assert said_code == code
    assert said.startswith(message)
    assert (advice is None) if hint is None else (hint in str(advice))


def test_a_model_is_told_from_other_names() -> None:
    code, message, hint = explained(violation({"pattern": "^[a-z-]+$"}, "./folder"), ("model",))
    assert (code, message) == ("bad-alias", '`model` must be an alias; this is the text "./folder"')
    assert "--model" in str(hint)


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ((), "a scene"),
        (("canvas", "width"), "`width`"),
        (("seeds", 2), "`seeds[2]`"),
        (("instances", 1, "box"), "`box`"),
        ((3,), "`[3]`"),
    ],
)
def test_the_subject_is_the_last_key_with_its_place_in_a_list(path, subject) -> None:
    assert explained(violation({"type": "integer"}, None), path)[1].startswith(f"{subject} must be")


def test_a_long_text_is_cut() -> None:
    message = explained(violation({"type": "integer"}, "x" * 41), ("n",))[1]
    assert message.endswith(f'"{"x" * 40}…"')


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"enum": ["area", "image"]}, 1, "one of area, image"),
        (LENGTH, True, 'whole pixels, such as 120, or per cent, such as "45%" or "12.5%"'),
        ({"type": ["integer", "null"]}, "x", "a whole number or null"),
    ],
)
def test_what_is_wanted(schema, value, said) -> None:
    assert wanted(violation(schema, value)) == said
