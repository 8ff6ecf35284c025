"""Letters that a person does not see, or takes for others: they come out of word processors, chats and web pages."""

from __future__ import annotations

import re
import unicodedata

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a"
_ODD = re.compile(f"[\u00a0\u00ad\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff{DASHES}{QUOTES}]")
_ODD_SPACE = re.compile("[\u0085\u2028\u2029\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]")
_PLAIN = str.maketrans({**dict.fromkeys(DASHES, "-"), **dict.fromkeys(QUOTES, '"'), "\u00ad": "", "\u200b": ""})


def odd_space(text: str) -> re.Match[str] | None:
    """The first character that looks like a space, or like nothing, and is no space to YAML."""
    return _ODD_SPACE.search(text)


def named(character: str) -> str:
    """Such as `a no-break space, U+00A0`."""
    name = unicodedata.name(character, "character").lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}, U+{ord(character):04X}"


def remark(text: str) -> str:
    """Words about the first odd letter of a text; empty where there is none."""
    found = _ODD.search(text)
    return f", with {named(found.group())}" if found else ""


def looks(text: str) -> str:
    """The same for all texts that look alike: in any Unicode form, with any kind of spaces, dashes and quotes."""
    plain = unicodedata.normalize("NFKC", text.translate(_PLAIN)).casefold()
    return " ".join(plain.split())
