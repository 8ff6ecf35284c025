"""Reference and layout images of every kind become what the model needs, by header and by pixels."""

from __future__ import annotations

import warnings
from pathlib import Path

import profiles
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contextgen_cli.scene.check.image_files import ImageError, header
from contextgen_cli.scene.check.images import look_at, open_layout, open_reference
from contextgen_cli.scene.scene import Box, Reference, Size

SIZE = (24, 16)
RED = (200, 40, 30)


def opened(path: Path, mask: Path | None = None, crop: Box | None = None) -> tuple[Image.Image, Image.Image]:
    image, subject = open_reference(Reference("it", path, mask, crop))
    return image.convert("RGB"), subject


def pixel(image: Image.Image, x: int, y: int) -> object:
    return image.getpixel((x, y))


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    half = Image.new("L", SIZE, 0)
    half.paste(255, (0, 0, 12, 16))
    half.save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tif", "gif"])
def test_formats(ending: str, tmp_path: Path, mask: Path) -> None:
    path = tmp_path / f"it.{ending}"
    Image.new("RGB", SIZE, RED).save(path)
    assert header(path).size == Size(*SIZE) and not header(path).has_alpha
    rgb, alpha = opened(path, mask)
    assert (rgb.mode, alpha.mode, rgb.size, alpha.size) == ("RGB", "L", SIZE, SIZE)
    assert all(abs(a - b) <= 3 for a, b in zip(pixel(rgb, 3, 3), RED, strict=True))  # type: ignore[call-overload]
    assert (pixel(alpha, 3, 3), pixel(alpha, 20, 3)) == (255, 0)


def test_a_format_that_is_not_read(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "it.png", "PPM")
    with pytest.raises(ImageError, match=r"of a kind not read here: .*it\.png"):
        header(tmp_path / "it.png")


def test_what_is_fully_transparent_has_no_colour_and_soft_values_stay(tmp_path: Path) -> None:
    image = Image.new("RGBA", SIZE, (*RED, 0))
    image.paste((1, 2, 3, 128), (0, 0, 12, 16))
    image.save(tmp_path / "it.png")
    rgb, alpha = opened(tmp_path / "it.png")
    assert (pixel(rgb, 20, 3), pixel(alpha, 20, 3)) == ((0, 0, 0), 0)
    assert (pixel(rgb, 3, 3), pixel(alpha, 3, 3)) == ((1, 2, 3), 128)


def modes() -> dict[str, tuple[Image.Image, dict[str, object], tuple[int, int, int]]]:
    """name: (an image whose right half is transparent or nothing, how to save it, the left half's colour)."""
    palette = Image.new("P", SIZE, 1)
    palette.putpalette([*RED, 10, 20, 30])
    palette.paste(0, (0, 0, 12, 16))
    grey = Image.new("LA", SIZE, (7, 0))
    grey.paste((90, 255), (0, 0, 12, 16))
    keyed = Image.new("RGB", SIZE, (0, 255, 0))
    keyed.paste(RED, (0, 0, 12, 16))
    return {
        "palette": (palette, {"transparency": 1}, RED),
        "palette with soft alpha": (palette, {"transparency": bytes([255, 0])}, RED),
        "grey with alpha": (grey, {}, (90, 90, 90)),
        "colour key": (keyed, {"transparency": (0, 255, 0)}, RED),
    }


@pytest.mark.parametrize("mode", modes())
def test_modes_with_transparency(mode: str, tmp_path: Path) -> None:
    image, how, colour = modes()[mode]
    image.save(tmp_path / "it.png", **how)
    assert header(tmp_path / "it.png").has_alpha
    rgb, alpha = opened(tmp_path / "it.png")
    assert (pixel(rgb, 3, 3), pixel(alpha, 3, 3), pixel(alpha, 20, 3)) == (colour, 255, 0)


@pytest.mark.parametrize(
    ("mode", "value", "ending", "colour"),
    [
        ("1", 1, "png", (255, 255, 255)),
        ("L", 90, "png", (90, 90, 90)),
        ("I;16", 0x5AFF, "png", (91, 91, 91)),
        ("I;16", 65535, "tif", (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)),
    ],
)
def test_modes_without(
    mode: str, value: int, ending: str, colour: tuple[int, int, int], tmp_path: Path, mask: Path
) -> None:
    path = tmp_path / f"it.{ending}"
    Image.new(mode, SIZE, value).save(path)
    assert not header(path).has_alpha
    assert pixel(opened(path, mask)[0], 3, 3) == colour


def test_numbers_of_32_bits_are_refused(tmp_path: Path, mask: Path) -> None:
    Image.new("F", SIZE, 0.5).save(tmp_path / "it.tif")
    with pytest.raises(ImageError, match="32-bit") as raised:
        opened(tmp_path / "it.tif", mask)
    assert "8 or 16 bits" in str(raised.value.hint)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_exif_orientation(ending: str, tmp_path: Path) -> None:
    image = Image.new("RGB", SIZE, "black")
    image.paste("white", (0, 0, 24, 4))  # the top, which a camera held sideways stored
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    image.save(tmp_path / f"it.{ending}", exif=exif)
    Image.new("L", (16, 24), 255).save(tmp_path / "upright.png")
    assert header(tmp_path / f"it.{ending}").size == Size(16, 24)
    rgb, _ = opened(tmp_path / f"it.{ending}", tmp_path / "upright.png")
    assert rgb.size == (16, 24)
    assert pixel(rgb, 14, 12)[0] > 200 and pixel(rgb, 1, 12)[0] < 50  # type: ignore[index]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_header_and_picture_agree_on_every_orientation(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", SIZE).save(tmp_path / "it.jpg", exif=exif)
    assert header(tmp_path / "it.jpg").size == Size(*open_layout(tmp_path / "it.jpg").size)


def test_a_mask_is_turned_by_its_own_orientation(tmp_path: Path, mask: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(mask).save(tmp_path / "turned.png", exif=exif)
    Image.new("RGB", (16, 24)).save(tmp_path / "it.png")
    _, turned = opened(tmp_path / "it.png", tmp_path / "turned.png")
    assert (pixel(turned, 8, 2), pixel(turned, 8, 22)) == (255, 0)


def test_crop(tmp_path: Path, mask: Path) -> None:
    Image.new("RGB", SIZE, RED).save(tmp_path / "it.png")
    rgb, alpha = opened(tmp_path / "it.png", mask, Box(8, 0, 20, 10))
    assert rgb.size == alpha.size == (12, 10)
    assert (pixel(alpha, 3, 0), pixel(alpha, 4, 0)) == (255, 0)


@pytest.mark.parametrize("flat", [(0, 0, 0), (255, 255, 255)])
def test_a_flat_mask_is_read_by_its_transparency(flat: tuple[int, int, int], tmp_path: Path) -> None:
    Image.new("RGB", SIZE, RED).save(tmp_path / "it.png")
    shape = Image.new("RGBA", SIZE, (9, 9, 9, 0))
    shape.paste((*flat, 255), (0, 0, 12, 16))
    shape.save(tmp_path / "shape.png")
    _, alpha = opened(tmp_path / "it.png", tmp_path / "shape.png")
    assert (pixel(alpha, 3, 3), pixel(alpha, 20, 3)) == (255, 0)


def test_a_mask_of_two_meanings_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", SIZE, RED).save(tmp_path / "it.png")
    both = Image.merge("LA", [Image.linear_gradient("L").resize(SIZE), Image.radial_gradient("L").resize(SIZE)])
    both.save(tmp_path / "both.png")
    with pytest.raises(ImageError, match="both its grey and its transparency vary") as raised:
        opened(tmp_path / "it.png", tmp_path / "both.png")
    assert raised.value.code == "ambiguous-mask"


def test_nothing_to_see_is_an_error(tmp_path: Path) -> None:
    Image.new("RGBA", SIZE, (9, 9, 9, 127)).save(tmp_path / "faint.png")
    with pytest.raises(ImageError, match=r"opacity reaches one half, .* the most is 127 of 255"):
        opened(tmp_path / "faint.png")
    Image.new("RGBA", SIZE).save(tmp_path / "clear.png")
    with pytest.raises(ImageError, match="the image is fully transparent"):
        opened(tmp_path / "clear.png")
    Image.new("RGB", SIZE, RED).save(tmp_path / "it.png")
    for grey, words in ((0, "the mask is black everywhere"), (90, "no pixel of the mask .* 90 of 255")):
        Image.new("L", SIZE, grey).save(tmp_path / "mask.png")
        with pytest.raises(ImageError, match=words):
            opened(tmp_path / "it.png", tmp_path / "mask.png")


@pytest.mark.parametrize("alpha", [255, 128])
def test_a_reference_that_is_opaque_everywhere_is_an_error(alpha: int, tmp_path: Path) -> None:
    Image.new("RGBA", SIZE, (*RED, alpha)).save(tmp_path / "it.png")
    with pytest.raises(ImageError, match="whole rectangle would be the subject") as raised:
        opened(tmp_path / "it.png")
    assert raised.value.code == "opaque-image" and "add `mask:`" in str(raised.value.hint)
    Image.new("L", SIZE, 255).save(tmp_path / "white.png")  # says that the rectangle is meant
    assert opened(tmp_path / "it.png", tmp_path / "white.png")[1].getextrema() == (255, 255)


def test_a_crop_may_be_opaque_where_the_image_is_not(tmp_path: Path) -> None:
    image = Image.new("RGBA", SIZE, (*RED, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.save(tmp_path / "it.png")
    assert opened(tmp_path / "it.png", crop=Box(8, 0, 20, 10))[1].getextrema() == (255, 255)


def test_an_image_without_transparency_needs_a_mask(tmp_path: Path) -> None:
    Image.new("RGB", SIZE).save(tmp_path / "opaque.png")
    with pytest.raises(ImageError, match="no transparency, and there is no `mask`") as raised:
        opened(tmp_path / "opaque.png")
    assert "background remover" in str(raised.value.hint)


def test_a_hidden_colour_comes_into_no_subject(tmp_path: Path) -> None:
    for name, hidden in (("black", (0, 0, 0, 0)), ("magenta", (255, 0, 255, 0))):
        image = Image.new("RGBA", SIZE, hidden)
        image.paste((*RED, 255), (0, 0, 12, 16))
        image.save(tmp_path / f"{name}.png")
    looks = [look_at(Reference("it", tmp_path / f"{name}.png")) for name in ("black", "magenta")]
    assert [look.readings for look in looks] == [(), ("cleared of a hidden colour",)]
    pictures = [open_reference(Reference("it", tmp_path / f"{name}.png"))[0] for name in ("black", "magenta")]
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_how_a_picture_is_read_otherwise_than_once(tmp_path: Path, mask: Path) -> None:
    Image.new("RGB", SIZE, RED).save(tmp_path / "plain.png", icc_profile=profiles.srgb())
    Image.new("RGB", SIZE, RED).save(tmp_path / "wide.png", icc_profile=profiles.swapped())
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n32\n{exif(3).tobytes().hex()}\n")
    Image.new("RGB", SIZE, RED).save(tmp_path / "raw.png", pnginfo=text)
    Image.new("RGB", SIZE, RED).save(tmp_path / "turned.png", exif=exif(3))
    found = {name: look_at(Reference("it", tmp_path / f"{name}.png", mask)).readings for name in READINGS}
    assert found == READINGS


READINGS = {"plain": (), "turned": (), "wide": ("converted to sRGB",), "raw": ("turned upright",)}


def exif(orientation: int) -> Image.Exif:
    written = Image.Exif()
    written[0x0112] = orientation
    return written


def test_a_mask_of_numbers_says_what_it_has(tmp_path: Path) -> None:
    Image.new("RGB", SIZE, RED).save(tmp_path / "it.png")
    numbers = Image.new("L", SIZE)
    for values, words, hint in (((1,), "the values 0, 1 only", "multiply it by 255"), ((1, 2), "0, 1, 2 only", "255")):
        for value in values:
            numbers.paste(value, (4 * value, 0, 4 * value + 4, 16))
        numbers.save(tmp_path / "numbers.png")
        with pytest.raises(ImageError, match=words) as raised:
            opened(tmp_path / "it.png", tmp_path / "numbers.png")
        assert raised.value.code == "empty-mask" and hint in str(raised.value.hint)


def test_a_subject_that_its_picture_hides_is_warned_of(tmp_path: Path, mask: Path) -> None:
    image = Image.new("RGBA", SIZE)
    image.paste((*RED, 255), (0, 0, 6, 16))
    image.save(tmp_path / "it.png")
    (warning,) = look_at(Reference("it", tmp_path / "it.png", mask)).warnings
    assert warning.code == "transparent-subject" and warning.message.startswith("50 % of the subject")


def test_layout(tmp_path: Path) -> None:
    Image.new("RGB", SIZE, RED).save(tmp_path / "lay.jpg")
    assert open_layout(tmp_path / "lay.jpg").getextrema()[3] == (255, 255)
    Image.new("RGBA", SIZE, (*RED, 9)).save(tmp_path / "lay.png")
    assert pixel(open_layout(tmp_path / "lay.png"), 1, 1) == (*RED, 9)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    Image.new("RGBA", SIZE).save(tmp_path / "it.png")
    assert header(tmp_path / "it.png").size == Size(*SIZE)
    Image.new("RGBA", (640, 480), "red").save(tmp_path / "it.png")
    assert header(tmp_path / "it.png").size == Size(640, 480)


def test_no_warning_of_pillow_leaks(tmp_path: Path) -> None:
    Image.new("1", (14_000, 14_000)).save(tmp_path / "big.png")
    with warnings.catch_warnings(), pytest.raises(ImageError, match="64 megapixels"):
        warnings.simplefilter("error")
        header(tmp_path / "big.png")


@pytest.mark.parametrize(("most", "is_refused"), [(24 * 16 - 1, True), (24 * 16, False)])
def test_a_picture_may_have_as_many_pixels_as_the_limit_says(mask, monkeypatch, most, is_refused) -> None:
    monkeypatch.setattr("contextgen_cli.scene.check.image_files.REFERENCE_PIXELS", most)
    if not is_refused:
        assert header(mask).size == Size(*SIZE)
        return
    with pytest.raises(ImageError) as refused:
        header(mask)
    assert refused.value.code == "image-too-large"
