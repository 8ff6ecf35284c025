"""Colours as sRGB has them: embedded profiles applied (ICC), whatever a file keeps its colours in."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageCms

from contextgen.pictures.bands import mapped

SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
GREY = ("1", "L", "LA", "La", *SIXTEEN_BITS)
_COLOURS = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr")
# The colours of a profile -> the mode in which it is applied, by the modes of pictures that may carry it.
_APPLIED_IN = (
    *((mode, {"GRAY": "L", "RGB": "RGB"}) for mode in GREY),
    *((mode, {"RGB": "RGB"}) for mode in _COLOURS),
    ("CMYK", {"CMYK": "CMYK"}),
    ("LAB", {"Lab": "LAB"}),
)
_SAME = 2  # levels: a profile that moves no colour further is sRGB, rounded in another way
_STEPS = range(0, 256, 15)  # what a profile is tried on, in each channel


class UnreadableProfile(ValueError):
    """An embedded colour profile cannot be applied."""


def profile_problem(image: Image.Image) -> str | None:
    """What keeps the embedded profile from being applied, or None; the picture is then read without it."""
    try:
        transform_of(image)
    except UnreadableProfile as problem:
        return str(problem)
    return None


def is_converted(image: Image.Image) -> bool:
    """Whether the embedded profile changes the picture's colours."""
    return "icc_profile" in image.info and profile_problem(image) is None and transform_of(image) is not None


def transform_of(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """What takes the picture's colours to sRGB; None where they are sRGB, or nothing is said of them.

    Raises:
        UnreadableProfile: the profile is damaged, or is for pixels of another kind.
    """
    if "icc_profile" in image.info:
        return _transform(image.info["icc_profile"], image.mode)
    return _from_lab() if image.mode == "LAB" else None


def in_srgb(band: Image.Image, transform: ImageCms.ImageCmsTransform | None) -> Image.Image:
    """A picture in RGB, or in L where it is grey and nothing transforms it; its own transparency is left out."""
    if band.mode in ("RGBa", "La"):
        band = band.convert({"RGBa": "RGBA", "La": "LA"}[band.mode])
    bare = in_eight_bits(band).copy()
    bare.info = {}  # a transparent tone is no business of a conversion's
    if transform is None:
        return bare.convert("L" if band.mode in GREY else "RGB")
    converted = ImageCms.applyTransform(bare.convert(transform.input_mode), transform)
    assert converted is not None, "it was not asked to be done in place"
    return converted


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits scaled, not clipped, to 8; any other picture as it is."""
    return mapped(image, "L", _eight_bit_band) if image.mode in SIXTEEN_BITS else image


def _eight_bit_band(band: Image.Image) -> Image.Image:
    return band.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")


@lru_cache(maxsize=16)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform of a profile, for pictures of `mode`; Pillow has None for one whose bytes it could not read."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        space = opened.profile.xcolor_space.strip()
        applied_in = dict(_APPLIED_IN).get(mode, {}).get(space)
        if applied_in is None:
            raise UnreadableProfile(f"its colour profile is for {space} pixels, and its own are {mode}")
        transform = _built(opened, applied_in)
    except (ImageCms.PyCMSError, OSError) as error:
        raise UnreadableProfile("its colour profile cannot be read") from error
    except ImportError as error:
        raise UnreadableProfile("its colour profile needs a Pillow with littlecms") from error
    return None if _is_srgb(transform) else transform


@lru_cache(maxsize=1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    return _built(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")


def _built(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)


def _is_srgb(transform: ImageCms.ImageCmsTransform) -> bool:
    if transform.input_mode not in ("L", "RGB"):
        return False
    tried = _ramp() if transform.input_mode == "L" else _cube()
    converted = ImageCms.applyTransform(tried, transform)
    assert converted is not None
    pairs = zip(converted.tobytes(), tried.convert("RGB").tobytes(), strict=True)
    return all(abs(now - then) <= _SAME for now, then in pairs)


def _ramp() -> Image.Image:
    return Image.frombytes("L", (256, 1), bytes(range(256)))


def _cube() -> Image.Image:
    colours = bytes(value for red in _STEPS for green in _STEPS for blue in _STEPS for value in (red, green, blue))
    return Image.frombytes("RGB", (len(colours) // 3, 1), colours)
