"""What is resized is to the byte what Pillow makes of the picture in RGB, without that copy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from contextgen.pictures.resizing import resized

SIZES = [(20, 30), (83, 61), (200, 150), (83, 10), (10, 61), (1, 1)]


@pytest.mark.parametrize("box", [None, (5, 7, 60, 44)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_it_is_what_pillow_resizes(mode: str, size: tuple[int, int], box: tuple[int, int, int, int] | None) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (61, 83, 4), dtype=np.uint8)).convert(mode)
    for filtered in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
        assert (
            resized(noise, size, filtered, box).tobytes() == noise.convert("RGB").resize(size, filtered, box).tobytes()
        )


PEAK = """
import resource
from PIL import Image
from contextgen.pictures.resizing import resized
image = Image.new("RGBA", (4000, 4000), "red")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resized(image, (256, 256), Image.Resampling.BICUBIC)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told in kilobytes on Linux only")
def test_no_second_picture_is_needed() -> None:
    run = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 40_000  # a copy has 64 MB
