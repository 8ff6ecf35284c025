"""What a bare word of YAML means, and the words that mean different things to different readers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from contextgen_cli.scene.limits import NUMBER_DIGITS
from contextgen_cli.scene.parse.nodes import Scalar

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
_CONSTANTS: dict[str, Scalar] = {"": None, "~": None}
_CONSTANTS |= {form: value for word, value in (("null", None), ("true", True), ("false", False))
               for form in (word, word.capitalize(), word.upper())}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Twist:
    """A way of writing a value that readers of YAML disagree about."""

    code: str
    message: str
    hint: str


def _twist(code: str, message: str, hint: str) -> Callable[[str], Twist]:
    return lambda text: Twist(code, message.format(text), hint.format(text, _plain_number(text)))


_QUOTE = 'for the text, write "{0}" in quotes'
_no_finite_number = _twist("yaml-number", "`{}` is no number that a scene can use", "write plain digits")
_TWISTS: tuple[tuple[re.Pattern[str], Callable[[str], Twist]], ...] = (
    (re.compile("yes|no|on|off", re.IGNORECASE),
     _twist("yaml-boolean", "a bare `{}` is true or false to YAML", _QUOTE)),
    (re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+"),
     _twist("yaml-exponent", "`{}` is a number to some readers of YAML and text to others", "write {1}")),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"),
     _twist("yaml-sexagesimal", "a bare `{}` is a number in base 60 to YAML", _QUOTE)),
    (re.compile(r"[-+]?0[0-9_]+|[-+]?0o[0-7_]+", re.IGNORECASE),
     _twist("yaml-octal", "`{}`, with a leading zero, is octal to YAML", "write it without the zero")),
    (re.compile(r"[-+]?0[xb][0-9a-f_]+|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?", re.IGNORECASE),
     _twist("yaml-number", "`{}` is a number to some readers of YAML only", "write plain digits")),
    (re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE),
     _no_finite_number),
    (re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ].*)?"),
     _twist("yaml-date", "a bare `{}` is a date to YAML", _QUOTE)),
)  # fmt: skip


_NUMERIC = re.compile("[-+0-9.eE_:]+%?")


def resolved(text: str) -> tuple[Scalar, Twist | None]:
    """The value of an unquoted scalar, and what is doubtful about it; a doubtful value stays text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text], None
    if text[0] not in "0123456789+-.yYnNoO":
        return text, None
    if len(text) > NUMBER_DIGITS:
        is_number = _NUMERIC.fullmatch(text) is not None
        return text, Twist(
            "yaml-number", f"a number of {len(text)} digits", "write fewer digits"
        ) if is_number else None
    if _INTEGER.fullmatch(text):
        return int(text), None
    if _FLOAT.fullmatch(text):
        value = float(text)
        return (value, None) if abs(value) < float("inf") else (text, _no_finite_number(text))
    for pattern, twist in _TWISTS:
        if pattern.fullmatch(text):
            return text, twist(text)
    return text, None


def control_character(text: str) -> re.Match[str] | None:
    """The first character that no text should hold: control characters and halves of surrogate pairs."""
    return _CONTROL.search(text)


def _plain_number(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return text
    return f"{value:.12f}".rstrip("0").rstrip(".") if 1e-9 < abs(value) < 1e15 else f'"{text}"'
