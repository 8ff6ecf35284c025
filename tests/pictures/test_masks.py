"""A mask is white on one subject; a picture that tells several things apart is none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from contextgen.pictures.masks import MaskError, few_values, mask_of

SIZE = (200, 150)


def disc(fill: int = 255) -> Image.Image:
    image = Image.new("L", SIZE)
    ImageDraw.Draw(image).ellipse((30, 30, 150, 120), fill=fill)
    return image


def saved(image: Image.Image, kind: str = "PNG", **how: object) -> Image.Image:
    data = io.BytesIO()
    image.save(data, kind, **how)
    return Image.open(data)


def bars(tones: list[int]) -> Image.Image:
    image = Image.new("L", SIZE)
    for index, tone in enumerate(tones):
        image.paste(tone, (10 + 30 * index, 20, 30 + 30 * index, 130))
    return image


def noisy() -> Image.Image:
    rng = np.random.default_rng(0)
    soft = np.asarray(disc().filter(ImageFilter.GaussianBlur(2)), np.float32) * 0.97
    return Image.fromarray((soft + rng.integers(0, 8, soft.shape)).astype(np.uint8))


MASKS = {
    "of two tones": disc,
    "of one bit": lambda: saved(disc().convert("1")),
    "as JPEG": lambda: saved(disc(), "JPEG", quality=60),
    "as JPEG in RGB": lambda: saved(disc().convert("RGB"), "JPEG", quality=60),
    "of a palette of greys": lambda: saved(disc().convert("P")),
    "of 16 bits": lambda: saved(Image.fromarray(np.asarray(disc()).astype(np.uint16) * 257)),
    "soft": lambda: disc().filter(ImageFilter.GaussianBlur(6)),
    "a gradient": lambda: Image.linear_gradient("L").resize((1500, 1500)),
    "of a network, noisy": noisy,
    "white everywhere": lambda: Image.new("L", SIZE, 255),
    "enlarged by whole pixels": lambda: disc().resize((50, 38), Image.Resampling.BICUBIC).resize(SIZE, 0),
    "of a detector, rectangular": lambda: bars([255]).resize((28, 28), Image.Resampling.BOX).resize((560, 420), 0),
    "of a detector, enlarged": lambda: disc().resize((28, 28), Image.Resampling.BICUBIC).resize((560, 420), 0),
}


@pytest.mark.parametrize("kind", MASKS)
def test_what_is_a_mask(kind: str) -> None:
    mask = mask_of(MASKS[kind]())
    assert mask.mode == "L" and int(mask.getextrema()[1]) > 230  # type: ignore[arg-type]


def test_a_mask_in_colours_lists_them_and_says_how_to_choose_one() -> None:
    voc = Image.new("P", SIZE)
    voc.putpalette([0, 0, 0, 128, 0, 0, 224, 224, 192])
    voc.paste(1, (30, 30, 150, 120))
    voc.paste(2, (20, 30, 30, 120))
    with pytest.raises(MaskError, match=r"#000000 \(61 %\), #800000 \(36 %\), #e0e0c0 \(3 %\)") as raised:
        mask_of(saved(voc))
    assert raised.value.code == "mask-colours" and "+opaque '#800000'" in raised.value.hint


@pytest.mark.parametrize("colour", [(255, 255, 0), (0, 255, 255), (255, 0, 255), (0, 0, 255)])
def test_a_mask_in_one_colour_has_colours(colour: tuple[int, int, int]) -> None:
    mask = Image.new("RGB", SIZE)
    mask.paste(colour, (30, 30, 150, 120))
    with pytest.raises(MaskError) as raised:
        mask_of(saved(mask))
    assert raised.value.code == "mask-colours"


def test_a_thin_white_line_around_a_dark_object_is_no_subject() -> None:
    voc = Image.new("L", SIZE)
    voc.paste(220, (26, 26, 154, 124))
    voc.paste(38, (30, 30, 150, 120))
    with pytest.raises(MaskError, match=r"0 of 255 \(\d+ %\), 38 of 255 \(\d+ %\), 220 of 255"):
        mask_of(saved(voc))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_one_colour_is_a_colour(kind: str) -> None:
    red = Image.merge("RGB", (disc(), Image.new("L", SIZE), Image.new("L", SIZE)))
    with pytest.raises(MaskError, match="the mask has colours: #000000") as raised:
        mask_of(saved(red, kind))
    assert "'#f" in raised.value.hint


@pytest.mark.parametrize(
    ("kind", "tones"),
    [
        ("PNG", [50, 100, 150]),
        ("PNG", [5, 10, 255]),
        ("PNG", [128, 255]),
        ("JPEG", [50, 100, 150]),
        ("JPEG", [128, 255]),
    ],
)
def test_a_mask_of_several_tones_lists_them(kind: str, tones: list[int]) -> None:
    with pytest.raises(MaskError, match=r"the mask has several tones: 0 of 255 \(\d+ %\), ") as raised:
        mask_of(saved(bars(tones), kind))
    assert raised.value.code == "mask-tones" and "white on one subject" in raised.value.hint
    assert all(f"{tone} of 255" in str(raised.value) for tone in tones)


@pytest.mark.parametrize("tone", [0, 255])
def test_a_flat_tone_is_read_by_its_transparency(tone: int) -> None:
    shape = Image.new("LA", SIZE, (9, 0))
    shape.paste((tone, 255), (0, 0, 100, 150))
    mask = mask_of(shape)
    assert (mask.getpixel((9, 9)), mask.getpixel((150, 9))) == (255, 0)


def test_two_meanings_are_refused() -> None:
    both = Image.merge("LA", [Image.linear_gradient("L"), Image.radial_gradient("L")])
    with pytest.raises(MaskError, match="both its grey and its transparency vary") as raised:
        mask_of(both)
    assert raised.value.code == "ambiguous-mask"


@pytest.mark.parametrize("key", [0, 255])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_tone_that_is_declared_transparent_counts_as_grey(bits: int, key: int) -> None:
    image = disc() if bits == 8 else Image.fromarray(np.asarray(disc()).astype(np.uint16) * 257)
    mask = mask_of(saved(image, transparency=key if bits == 8 else key * 257))
    assert (mask.getpixel((90, 75)), mask.getpixel((2, 2))) == (255, 0)


@pytest.mark.parametrize(
    ("image", "values"),
    [
        (disc(1), [0, 1]),
        (Image.fromarray((np.asarray(disc()) > 0).astype(np.uint16) * 3), [0, 3]),
        (bars([1, 2, 3]), [0, 1, 2, 3]),
        (Image.new("L", SIZE, 90), [90]),
        (Image.linear_gradient("L"), None),
        (Image.new("RGB", SIZE), None),
    ],
)
def test_few_values_are_listed_as_they_are_stored(image: Image.Image, values: list[int] | None) -> None:
    assert few_values(saved(image)) == values
