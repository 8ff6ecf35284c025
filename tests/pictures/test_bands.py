"""Band by band comes to what Pillow makes of the whole, to the byte."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextgen.pictures import bands
from contextgen.pictures.orientation import turned

WIDTH, HEIGHT = 83, 61


@pytest.fixture(autouse=True)
def _narrow_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "_PIXELS", 500)


def noise(mode: str) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def test_bands_cover_every_row_once() -> None:
    found = list(bands.bands(WIDTH, HEIGHT))
    assert [row for first, last in found for row in range(first, last)] == list(range(HEIGHT)) and len(found) > 5
    assert list(bands.bands(10_000, 2)) == [(0, 1), (1, 2)]


def test_mapped_is_what_the_change_makes_of_the_whole() -> None:
    def grey(image: Image.Image) -> Image.Image:
        return image.convert("L")

    assert bands.mapped(noise("RGB"), "L", grey).tobytes() == grey(noise("RGB")).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_packed_is_the_turned_picture_and_releases_only_if_it_may(orientation: int) -> None:
    stored = noise("RGB")
    kept = bands.packed(stored, "RGB", lambda band: band, orientation, release=False)
    assert stored.getpixel((0, 0)) and kept.tobytes() == turned(stored, orientation).tobytes()
    released = bands.packed(stored, "RGB", lambda band: band, orientation, release=True)
    assert released.tobytes() == kept.tobytes()
    with pytest.raises(ValueError, match="closed"):
        stored.getpixel((0, 0))
