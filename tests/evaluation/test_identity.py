"""An object is recognised in any pose and light."""

from __future__ import annotations

import numpy as np
import pytest

from contextgen.data.objects import objects
from contextgen.data.posing import Pose, cut_out
from contextgen.evaluation.synthetic import identity


@pytest.mark.parametrize(
    "pose", [Pose(flip=True), Pose(degrees=180), Pose(degrees=25), Pose(squash=0.75), Pose(tint=(0.5, 0.7, 1.0))]
)
def test_a_pose_and_a_light_are_undone_before_objects_are_compared(pose):
    names, free = identity.gallery().names, np.ones((identity.SIDE, identity.SIDE), np.float32)
    for thing in objects("held_out")[:12]:
        cutout = cut_out(thing.picture, pose, 96**2)
        width, height = cutout.size
        canvas = np.full((256, 256, 3), 255, np.float32)
        part = canvas[40 : 40 + height, 60 : 60 + width]
        part += (cutout.colours - part) * cutout.cover[..., None]
        seen = identity.view(canvas.round().astype(np.uint8), thing.name, pose, (60, 40, 60 + width, 40 + height))
        assert identity.distances(seen, free, pose.tint)[names.index(thing.name)] < 45**2, thing.name
