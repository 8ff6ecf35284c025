"""Captions: plain English, and true."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.captions import Mention, article, caption

CRAB = Mention("crab", "", (0, 0, 60, 60))
FOX = Mention("fox", "tilted to the left", (150, 0, 210, 60))
OWL = Mention("owl", "", (170, 30, 230, 90), frozenset({1}))


def captions(*mentions, light=""):
    return {caption(np.random.default_rng(seed), mentions, "on a sandy beach", light) for seed in range(200)}


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("crab", "a"),
        ("umbrella", "an"),
        ("unicorn face", "a"),
        ("hourglass", "an"),
        ("euro banknote", "a"),
        ("pancakes", "some"),
        ("octopus", "an"),
        ("compass", "a"),
        ("night with stars", "a"),
        ("clinking glasses", "some"),
    ],
)
def test_articles(name, before):
    assert article(name) == before


def test_a_caption_names_all_there_is():
    for text in captions(CRAB, FOX, OWL):
        assert "a crab" in text.lower()
        assert "fox tilted to the left" in text
        assert "an owl" in text.lower()
        assert "on a sandy beach" in text.lower()


def test_captions_vary():
    assert len(captions(CRAB, FOX, OWL)) > 40


def test_relations_are_those_of_the_boxes_and_of_what_hides_what():
    text = " ".join(captions(CRAB, FOX, OWL))
    assert "The crab is left of the fox." in text
    assert "The fox is right of the crab." in text
    assert "The owl is in front of the fox." in text
    assert "The fox is behind the owl." in text
    assert "The crab is right" not in text
    assert "The fox is in front" not in text


def test_the_light_is_said_with_the_place():
    assert all("on a sandy beach, lit by the moon" in text.lower() for text in captions(CRAB, light="lit by the moon"))


def test_adjectives_agree_with_their_article():
    text = " ".join(captions(Mention("crab", "upside down", (0, 0, 9, 9)))).lower()
    assert "an upside-down crab" in text
    assert "a upside" not in text


def test_several_things_take_a_plural():
    text = " ".join(captions(Mention("pancakes", "", (0, 0, 60, 60)), Mention("fox", "", (150, 0, 210, 60))))
    assert "The pancakes are left of the fox." in text
    assert "There are some pancakes" in " ".join(captions(Mention("pancakes", "", (0, 0, 60, 60))))
