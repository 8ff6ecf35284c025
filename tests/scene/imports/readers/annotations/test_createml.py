"""Create ML's JSON."""

from __future__ import annotations

import pytest

BOX = {"label": "red bag", "coordinates": {"x": 75, "y": 65, "width": 50, "height": 30}}


def test_a_box_is_centre_and_size_in_pixels(importing, got) -> None:
    empty = {"image": "x.jpg", "annotations": []}
    done = importing([empty, {"image": "bag.jpg", "annotations": [BOX]}])
    assert done.code == 0
    (reference,) = got()[0].references
    assert (reference.name, reference.crop.pixels) == ("red-bag", (50, 50, 100, 80))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"label": "a"}, "`coordinates` is missing"),
        ({"label": "a", "coordinates": {"x": 1}}, "`y` is missing"),
        (5, "this is no object: 5"),
    ],
)
def test_a_bad_annotation_costs_no_other(bad, words, importing, got) -> None:
    done = importing([{"image": "bag.jpg", "annotations": [bad, BOX]}, {"image": "no.jpg", "annotations": [BOX]}])
    assert done.code == 1 and f"bag: left out annotation 0: {words}" in done.err and len(got()) == 1
    assert "left out 'no.jpg': its size is not stated, and there is no picture no.jpg" in done.err
