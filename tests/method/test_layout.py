"""The compositor's own promises, beside the golden layouts."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import profiles
import pytest
from PIL import Image

from contextgen.method.layout import Instance, compose, given_layout, prepare_reference, reference_size
from contextgen.method.method_card import ModelCard

CARD = ModelCard()


def square(colour: str = "red", box=(0, 0, 64, 64), fit: str = "stretch", size=(64, 64)) -> Instance:
    return Instance(Image.new("RGB", size, colour), Image.new("L", size, 255), box, fit)


def layout_of(*instances: Instance, width: int = 128, height: int = 96) -> Image.Image:
    references = [prepare_reference(instance, CARD, width, height) for instance in instances]
    return compose(references, instances, width, height).image


@pytest.mark.parametrize(
    ("canvas", "side"),
    [
        ((256, 900), 256),
        ((384, 384), 256),
        ((512, 385), 384),
        ((768, 768), 512),
        ((1024, 769), 768),
        ((2048, 1040), 1024),
    ],
)
def test_reference_area_follows_the_shorter_canvas_side(canvas: tuple[int, int], side: int) -> None:
    assert CARD.reference_side(*canvas) == side


@pytest.mark.parametrize(
    ("size", "resized"),
    [((200, 200), (256, 256)), ((140, 220), (208, 320)), ((4000, 10), (5120, 16)), ((3, 1200), (16, 5120))],
)
def test_reference_keeps_its_aspect_in_whole_tokens(size: tuple[int, int], resized: tuple[int, int]) -> None:
    assert reference_size(size, CARD, 256, 256) == resized


def test_layout_is_transparent_where_nothing_is_given() -> None:
    image = layout_of(square(box=(32, 16, 96, 80)))
    alpha = np.asarray(image.getchannel("A"))
    assert alpha[17:79, 33:95].min() == 255
    assert alpha[:16].max() == alpha[80:].max() == alpha[:, :32].max() == alpha[:, 96:].max() == 0
    assert image.getpixel((64, 48)) == (255, 0, 0, 255)


def test_the_last_instance_lies_in_front() -> None:
    red, blue = square("red", (0, 0, 64, 64)), square("blue", (32, 0, 96, 64))
    assert layout_of(red, blue).getpixel((48, 32))[:3] == (0, 0, 255)
    assert layout_of(blue, red).getpixel((48, 32))[:3] == (255, 0, 0)


@pytest.mark.parametrize(
    ("fit", "extent"),
    [
        ("stretch", (10, 20, 90, 60)),  # exactly the box
        ("area", (22, 12, 78, 68)),  # the box's area, a square subject stays square
        ("image", (30, 20, 70, 60)),  # the whole picture inside the box
    ],
)
def test_fits(fit: str, extent: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = layout_of(square(box=(10, 20, 90, 60), fit=fit)).getchannel("A").getbbox()
    assert np.abs(np.subtract((left, top, right, bottom), extent)).max() <= 1


def test_what_sticks_out_is_clipped_at_the_canvas() -> None:
    image = layout_of(square(box=(0, 0, 128, 8), fit="area"), width=128, height=96)
    assert image.size == (128, 96)
    assert image.getchannel("A").getbbox()[1] == 0


def test_a_whole_picture_shrinks_until_its_subject_is_on_the_canvas() -> None:
    box = layout_of(square(box=(64, 16, 160, 80), fit="image")).getchannel("A").getbbox()
    assert np.abs(np.subtract(box, (96, 32, 128, 64))).max() <= 1  # 16 px to the right edge on both sides of 112


def test_a_box_off_the_canvas_draws_nothing() -> None:
    assert layout_of(square(box=(130, 0, 194, 64))).getchannel("A").getbbox() is None


def test_a_thin_subject_is_drawn_one_pixel_high() -> None:
    thin = square(box=(40, 40, 41, 41), fit="area", size=(640, 10))
    assert layout_of(thin).getchannel("A").getbbox() is not None


def test_one_pixel_subject_is_drawn() -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (30, 30, 33, 33))
    image = layout_of(Instance(Image.new("RGB", (64, 64), "green"), mask, (40, 40, 60, 60), "area"))
    assert np.asarray(image.getchannel("A")).sum() > 0


def test_alpha_channel_serves_as_mask() -> None:
    picture = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    picture.paste((0, 255, 0, 255), (16, 16, 48, 48))
    with_alpha = Instance(picture, box=(0, 0, 64, 64), fit="stretch")
    with_mask = Instance(picture.convert("RGB"), picture.getchannel("A"), (0, 0, 64, 64), "stretch")
    assert layout_of(with_alpha).tobytes() == layout_of(with_mask).tobytes()


def test_a_mask_is_preferred_to_the_alpha_channel() -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    reference = prepare_reference(Instance(Image.new("RGBA", (64, 64), "red"), mask, (0, 0, 8, 8)), CARD, 256, 256)
    assert reference.mask[:, :100].all() and not reference.mask[:, 200:].any()


def test_background_of_a_reference_is_mid_grey_for_the_encoder() -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    reference = prepare_reference(Instance(Image.new("RGB", (64, 64), "white"), mask, (0, 0, 8, 8)), CARD, 256, 256)
    assert (reference.subject[:, 200:] == 0).all()
    assert (reference.subject[:, :100] == 1).all()


@pytest.mark.parametrize("faint", [0, 127])
def test_given_layout_counts_where_it_is_opaque(faint: int) -> None:
    picture = Image.new("RGBA", (64, 48), (255, 255, 255, faint))
    picture.paste((255, 255, 255, 255), (0, 0, 32, 48))
    layout = given_layout(picture, 128, 96)
    assert layout.given[:, :64].all() and not layout.given[:, 64:].any()
    assert (layout.pixels[:, 64:] == 0).all()


def test_a_given_layout_is_shrunk_smoothly() -> None:
    stripes = Image.new("RGB", (256, 192), "black")
    for x in range(0, 256, 2):
        stripes.paste("white", (x, 0, x + 1, 192))
    assert np.abs(given_layout(stripes, 128, 96).pixels).max() < 0.3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mask": None}, "neither a mask nor an alpha"),
        ({"mask": Image.new("L", (32, 64), 255)}, "same size"),
        ({"box": (10, 10, 10, 20)}, "no area"),
        ({"box": (0, 0, 0, 0)}, "no area"),
        ({"box": (10, 20, 20, 20)}, "no area"),
        ({"fit": "cover"}, "unknown fit"),
    ],
)
def test_broken_instances_are_refused(change: dict, words: str) -> None:
    whole = {"image": Image.new("RGB", (64, 64)), "mask": Image.new("L", (64, 64), 255), "box": (0, 0, 8, 8)}
    with pytest.raises(ValueError, match=words):
        Instance(**{**whole, **change})


def test_empty_mask_is_refused() -> None:
    empty = Instance(Image.new("RGB", (64, 64)), Image.new("L", (64, 64), 90), (0, 0, 8, 8))
    with pytest.raises(ValueError, match="mask is empty"):
        prepare_reference(empty, CARD, 256, 256)


CANVAS_CARD = ModelCard(token_side=16, reference_frame="canvas")


def disc(size: int, margin: int) -> Image.Image:
    """A coloured disc in a transparent frame."""
    y, x = np.mgrid[: size + 2 * margin, : size + 2 * margin] - (size - 1) / 2 - margin
    inside = x**2 + y**2 <= (size / 2) ** 2
    pixels = np.stack([x + 120, y + 120, 0 * x + 60, 255 * inside], -1)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")


@pytest.mark.parametrize("box", [(16, 32, 80, 96), (21, 9, 90, 70), (-7, -20, 50, 44), (100, 60, 160, 120)])
@pytest.mark.parametrize("fit", ["area", "stretch"])
def test_reference_in_the_canvas_frame_is_what_the_layout_shows(box, fit: str) -> None:
    instance = Instance(disc(80, 13), box=box, fit=fit)
    reference = prepare_reference(instance, CANVAS_CARD, 128, 96)
    assert reference.corner is not None
    left, top = reference.corner
    assert left % 16 == top % 16 == 0
    assert all(side % 16 == 0 for side in reference.soft_mask.size)

    drawn = compose([reference], [instance], 128, 96)
    canvas = np.zeros((96 + 512, 128 + 512, 3), np.float32)
    height, width = reference.mask.shape
    canvas[256 + top : 256 + top + height, 256 + left : 256 + left + width] = reference.subject
    assert np.array_equal(drawn.pixels, canvas[256:-256, 256:-256])

    if fit == "stretch":
        rows, columns = np.nonzero(reference.mask)
        edges = (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)
        assert np.abs(np.subtract(edges, box)).max() <= 1


def test_margins_of_a_picture_do_not_change_its_place_on_the_canvas() -> None:
    tight, wide = (
        prepare_reference(Instance(disc(60, margin), box=(30, 20, 90, 80)), CANVAS_CARD, 128, 96) for margin in (1, 40)
    )
    assert tight.corner == wide.corner
    assert np.array_equal(tight.mask, wide.mask)
    assert np.abs(tight.subject - wide.subject).max() < 0.02


def test_empty_mask_is_refused_in_the_canvas_frame() -> None:
    with pytest.raises(ValueError, match="mask is empty"):
        prepare_reference(Instance(Image.new("RGBA", (8, 8)), box=(0, 0, 64, 64)), CANVAS_CARD, 128, 96)


def halves(mode: str, left: object, right: object, size: tuple[int, int] = (64, 64)) -> Image.Image:
    image = Image.new(mode, size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def test_an_instance_reads_pictures_of_every_kind_as_scenes_are_read() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = io.BytesIO()
    halves("RGB", (51, 204, 51), (0, 0, 0), (80, 64)).save(turned, "JPEG", exif=exif, icc_profile=profiles.swapped())
    instance = Instance(Image.open(turned), Image.new("1", (64, 80), 1), (0, 0, 64, 64))
    assert (instance.image.mode, instance.image.size) == ("RGB", (64, 80))
    assert instance.mask is not None and instance.mask.mode == "L"
    red, green, _ = instance.image.getpixel((32, 20))
    assert red > 180 and green < 90


def test_an_instance_takes_transparency_however_a_file_keeps_it() -> None:
    palette = halves("P", 0, 1)
    palette.putpalette([200, 40, 30, 10, 20, 30])
    palette.info["transparency"] = 1
    for image in (palette, halves("LA", (90, 255), (9, 0)), halves("RGBA", (9, 9, 9, 255), (0, 0, 0, 0))):
        prepared = prepare_reference(Instance(image, box=(0, 0, 64, 64)), CARD, 256, 256)
        assert prepared.mask[:, :120].all() and not prepared.mask[:, 140:].any()


def test_an_instance_refuses_a_mask_of_several_things() -> None:
    colours = Image.new("RGB", (64, 64))
    colours.paste((128, 0, 0), (0, 0, 30, 30))
    labels = Image.new("L", (64, 64))
    labels.paste(100, (0, 0, 30, 30))
    labels.paste(200, (30, 0, 64, 30))
    for mask in (colours, labels):
        with pytest.raises(ValueError, match="the mask has"):
            Instance(Image.new("RGB", (64, 64)), mask, (0, 0, 64, 64))


@pytest.mark.parametrize("key", [None, (9, 9, 9)])
def test_an_instance_of_an_instances_pictures_is_the_same(key: tuple[int, int, int] | None) -> None:
    given = halves("RGB" if key else "LA", (90, 90, 90) if key else (90, 110), (9, 9, 9) if key else (9, 0))
    given.info.update({"transparency": key} if key else {})
    given.putpixel((0, 0), (1, 1, 1) if key else (1, 255))
    first = Instance(given, box=(0, 0, 64, 64))
    again = replace(first, box=(0, 0, 32, 32))
    assert first.image.mode == "RGBA" and first.mask is None and again.mask is None
    assert again.image.tobytes() == first.image.tobytes()
    assert given.info.get("transparency") == key and given.mode == ("RGB" if key else "LA")


def test_a_given_layout_is_read_upright_and_in_srgb() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = io.BytesIO()
    layout = halves("RGBA", (51, 204, 51, 255), (0, 0, 0, 0), (96, 128))
    layout.save(stored, "PNG", exif=exif, icc_profile=profiles.swapped())
    drawn = given_layout(Image.open(stored), 128, 96).image
    assert drawn.getpixel((64, 20))[3] == 255 and drawn.getpixel((64, 80))[3] == 0
    assert drawn.getpixel((64, 20))[0] > 180


@pytest.mark.parametrize("kind", [str, Path])
def test_pictures_and_masks_come_as_paths_too(kind, tmp_path: Path) -> None:
    image, mask = Image.new("RGB", (8, 6), "red"), Image.new("L", (8, 6))
    mask.paste(255, (2, 2, 6, 4))
    image.save(tmp_path / "a.png")
    mask.save(tmp_path / "mask.png")
    given = Instance(kind(tmp_path / "a.png"), kind(tmp_path / "mask.png"), (0, 0, 8, 8))
    assert given.image.tobytes() == image.tobytes()
    assert given.mask is not None and given.mask.tobytes() == mask.tobytes()
    assert replace(given, box=(1, 1, 9, 9)).image is given.image


def test_a_path_that_leads_to_no_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    for name in ("none.png", "a.png"):
        with pytest.raises(OSError, match=name):
            Instance(tmp_path / name, box=(0, 0, 8, 8))
