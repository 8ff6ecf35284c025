"""A pose is what a caption calls it, and a cut-out is as tight as its outline."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextgen.data.posing import TILTED, Pose, cut_out


def picture() -> Image.Image:
    """Red to the left and blue to the right, in a transparent margin."""
    image = Image.new("RGBA", (60, 40))
    image.paste((255, 0, 0, 255), (10, 10, 30, 30))
    image.paste((0, 0, 255, 255), (30, 10, 50, 30))
    return image


@pytest.mark.parametrize(
    ("pose", "said"),
    [
        (Pose(), None),
        (Pose(degrees=TILTED - 0.1), None),
        (Pose(degrees=TILTED), "tilted to the left"),
        (Pose(degrees=-TILTED), "tilted to the right"),
        (Pose(degrees=180), "upside down"),
        (Pose(flip=True), "mirrored"),
    ],
)
def test_what_stands_otherwise_is_named(pose: Pose, said: str | None) -> None:
    assert (said in pose.words) if said else pose.words == ()


def test_a_cut_out_is_the_tight_box_of_what_is_opaque() -> None:
    found = cut_out(picture(), Pose(), 60 * 40)
    assert found.size == (40, 20)
    assert (found.cover > 0.5).all()
    assert (found.colours[10, 5] == (255, 0, 0)).all() and (found.colours[10, 35] == (0, 0, 255)).all()


def test_a_pose_is_done_to_it() -> None:
    assert (cut_out(picture(), Pose(flip=True), 60 * 40).colours[10, 5] == (0, 0, 255)).all()
    assert (cut_out(picture(), Pose(degrees=180), 60 * 40).colours[10, 5] == (0, 0, 255)).all()
    assert cut_out(picture(), Pose(degrees=90), 60 * 40).size == (20, 40)
    width, height = cut_out(picture(), Pose(squash=0.5), 60 * 40).size
    assert height / width == pytest.approx(0.25, rel=0.1)
    assert (cut_out(picture(), Pose(tint=(0.5, 1, 1.5)), 60 * 40).colours[10, 5] == (127.5, 0, 0)).all()
    assert np.max(cut_out(picture(), Pose(tint=(2, 2, 2)), 60 * 40).colours) == 255
