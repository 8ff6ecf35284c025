"""A picture as Pillow has opened it -> its colours and its opacity, as the method takes them."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageCms

from contextgen.pictures.bands import bands, mapped, packed
from contextgen.pictures.colours import GREY, UnreadableProfile, in_srgb, transform_of
from contextgen.pictures.orientation import orientation_of, turned
from contextgen.pictures.transparency import alpha_of, is_keyed, scale_key

_PLAIN = ("RGB", "RGBA", "L")
_SMALL = ("1", "L", "P", "I;16", "I;16B", "I;16L", "I;16N")  # modes of one or two bytes a pixel


class UnreadablePixels(ValueError):
    """The numbers of a picture are no colours."""


@dataclass(frozen=True)
class ReadPicture:
    """A picture upright and in sRGB.

    Attributes:
        image: RGB, RGBA or L; the picture itself where nothing had to be done.
        alpha: its opacity (L); None: it is opaque.
    """

    image: Image.Image
    alpha: Image.Image | None


def is_plain(image: Image.Image) -> bool:
    """Whether nothing of a picture is to be read: it is upright, in sRGB, and any transparency is its alpha channel."""
    if image.mode not in _PLAIN or is_keyed(image):
        return False
    image.load()  # EXIF may stand behind the pixels
    return _stays(image)


def read(image: Image.Image, *, release: bool = False) -> ReadPicture:
    """Read a picture: EXIF orientation and colour profile are applied, whatever its mode.

    A profile that cannot be applied is left out, see `profile_problem`.

    Args:
        release: whether `image` may be changed and closed on the way, which saves memory.

    Raises:
        UnreadablePixels: it has numbers of 32 bits.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        raise UnreadablePixels("its pixels are 32-bit numbers")
    scale_key(image)
    image.load()
    orientation, transform = orientation_of(image), _transform(image)
    alpha = alpha_of(image)
    if alpha is not None:
        alpha = turned(alpha, orientation)
        alpha.info = {}  # Pillow copies it: what was turned once would be turned again
    colours = _colours(image, orientation, transform, release)
    if release:
        colours.info = {}
    return ReadPicture(colours, alpha)


def _stays(image: Image.Image) -> bool:
    """Whether a decoded picture has its colours as they are wanted."""
    return image.mode in _PLAIN and orientation_of(image) == 1 and _transform(image) is None


def _colours(
    image: Image.Image, orientation: int, transform: ImageCms.ImageCmsTransform | None, release: bool
) -> Image.Image:
    if _stays(image):
        return image
    if image.mode in ("RGB", "RGBA") and orientation == 1 and transform is not None:
        return _converted_in_place(image if release else image.copy(), transform)
    mode = "L" if image.mode in GREY and transform is None else "RGB"
    if orientation == 1 and image.mode in _SMALL:
        return mapped(image, mode, lambda band: in_srgb(band, transform))
    return packed(image, mode, lambda band: in_srgb(band, transform), orientation, release=release)


def _transform(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    try:
        return transform_of(image)
    except UnreadableProfile:
        return None


def _converted_in_place(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    for top, bottom in bands(*image.size):
        band = image.crop((0, top, image.width, bottom))
        colours = in_srgb(band, transform)
        if image.mode == "RGBA":
            colours.putalpha(band.getchannel("A"))
        image.paste(colours, (0, top))
    image.info = {}
    return image
