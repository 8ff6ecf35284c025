"""What is in a synthetic scene, in free English: the objects, how they stand to one another, the background."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_AFTER_HEAD = re.compile(r" (?:with|of|for|in|on|at|and|without|over|behind) ")
_NO_VOWEL = ("uni", "uk", "us", "euro", "one", "once", "ut")  # spelled with one, spoken without
_SILENT_H = ("hour", "honest", "heir")
_APART = 0.6  # of the mean side: how far two centres are apart before one is beside or above the other


@dataclass(frozen=True)
class Mention:
    """An object as a caption sees it.

    Attributes:
        name: without an article.
        manner: how it stands, such as "tilted to the left"; may be empty.
        box: left, top, right, bottom.
        covers: indices of the objects behind it that it partly hides.
    """

    name: str
    manner: str
    box: tuple[int, int, int, int]
    covers: frozenset[int] = frozenset()


def caption(rng: np.random.Generator, mentions: Sequence[Mention], place: str, light: str = "") -> str:
    """A caption for objects, back to front, at a place ("on a sandy beach"), perhaps in a light ("lit by the moon")."""
    order = rng.permutation(len(mentions)).tolist()
    things = _listed([_thing(rng, mentions[index]) for index in order])
    relation = _relation(rng, mentions) if len(mentions) > 1 and rng.random() < 0.6 else ""
    where = f"{place}, {light}" if light else place
    verb = "are" if len(order) > 1 or is_plural(mentions[0].name) else "is"
    match int(rng.integers(5)):
        case 0:
            sentence = f"{where}, {things}"
        case 1:
            sentence = f"{where}{',' if light else ''} there {verb} {things}"
        case 2:
            sentence = f"there {verb} {things} {where}"
        case _:
            sentence = f"{things} {where}"
    if relation:
        return f"{_capital(sentence)}. {_capital(relation)}."
    return _capital(sentence) + "." if rng.random() < 0.5 else sentence


def is_plural(name: str) -> bool:
    """Whether a name means several things, such as "pancakes" or "hands with fingers", as far as its letters tell."""
    head = _AFTER_HEAD.split(name)[0]
    return head.endswith("s") and not head.endswith(("ss", "us", "is", "as", "os"))


def article(name: str) -> str:
    """`a`, `an`, or `some` for several."""
    if is_plural(name):
        return "some"
    spoken_vowel = name.startswith(_SILENT_H) or (name[:1] in "aeiou" and not name.startswith(_NO_VOWEL))
    return "an" if spoken_vowel else "a"


def _thing(rng: np.random.Generator, mention: Mention) -> str:
    if not mention.manner:
        return f"{article(mention.name)} {mention.name}"
    if mention.manner in ("upside down", "mirrored") and rng.random() < 0.4:
        adjective = mention.manner.replace(" ", "-")
        lead = article(mention.name) if is_plural(mention.name) else article(adjective)
        return f"{lead} {adjective} {mention.name}"
    return f"{article(mention.name)} {mention.name} {mention.manner}"


def _listed(things: Sequence[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _relation(rng: np.random.Generator, mentions: Sequence[Mention]) -> str:
    """A sentence on one pair of objects, or nothing where no pair stands clearly to one another."""
    found = [
        f"the {first.name} {'are' if is_plural(first.name) else 'is'} {words} the {second.name}"
        for index, first in enumerate(mentions)
        for other, second in enumerate(mentions)
        if index != other and (words := _relative(first, second, other, index))
    ]
    return found[int(rng.integers(len(found)))] if found else ""


def _relative(first: Mention, second: Mention, second_index: int, first_index: int) -> str:
    if second_index in first.covers:
        return "in front of"
    if first_index in second.covers:
        return "behind"
    (x1, y1, side1), (x2, y2, side2) = _middle(first.box), _middle(second.box)
    apart = _APART * (side1 + side2) / 2
    if abs(x1 - x2) > max(apart, 1.3 * abs(y1 - y2)):
        return "left of" if x1 < x2 else "right of"
    if abs(y1 - y2) > max(apart, 1.3 * abs(x1 - x2)):
        return "above" if y1 < y2 else "below"
    return ""


def _middle(box: tuple[int, int, int, int]) -> tuple[float, float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2, (right - left + bottom - top) / 2
