"""Reads reference images, masks and layout images: decoded, upright and in sRGB, and looked at.

What a picture is read as is `contextgen.pictures`' to say; so the library reads it in the same way. The colour
that a program has left under what is fully transparent is read as black. An animation gives its first frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from PIL import Image

from contextgen.pictures.colours import is_converted
from contextgen.pictures.masks import HALF, MaskError, few_values, mask_of
from contextgen.pictures.orientation import orientation_of
from contextgen.pictures.reading import ReadPicture, UnreadablePixels, read
from contextgen.pictures.transparency import clear_hidden
from contextgen.pictures.turning import flipped_and_rotated
from contextgen_cli.scene.check.image_files import ImageError, ImageHeader, decoded, header, opened, stamp
from contextgen_cli.scene.check.subject_checks import SubjectWarning, warnings_of
from contextgen_cli.scene.scene import PlacedReference, Reference, Size

_SILHOUETTE_SIDE = 128  # pixels: a price is a forecast
_LISTED = 6  # values of a mask that are told
_NEGLIGIBLE = 0.01  # share of a subject that may be transparent in its picture
_GET_A_MASK = "add `mask:`; any background remover, such as rembg, writes one, or save a PNG with transparency"
_EIGHT_BITS = "save it with 8 or 16 bits a channel"
_UPRIGHT = {  # EXIF orientation -> what ImageMagick calls the turn
    2: "-flop",
    3: "-rotate 180",
    4: "-flip",
    5: "-transpose",
    6: "-rotate 90",
    7: "-transverse",
    8: "-rotate 270",
}

Readings = tuple[str, ...]  # how a picture is read otherwise than by version 0.1.0
_CONVERTED, _TURNED, _CLEARED = (  # job ids hold these words: they stay as they are
    "converted to sRGB",
    "turned upright",
    "cleared of a hidden colour",
)


@dataclass(frozen=True)
class ReferenceLook:
    """What decoding a reference tells.

    Attributes:
        silhouette: a thumbnail of its mask (L).
        size: of what is used of the picture.
    """

    silhouette: Image.Image
    size: Size
    readings: Readings
    warnings: tuple[SubjectWarning, ...]


@dataclass(frozen=True)
class LayoutLook:
    """What decoding a layout image tells: whether anything of it is opaque, or all."""

    is_empty: bool
    is_opaque: bool
    readings: Readings


@dataclass(frozen=True)
class _Opened:
    image: Image.Image  # RGB, RGBA or L
    mask: Image.Image
    readings: Readings
    transparent: float = 0.0  # share of the subject that is transparent in its picture


def open_reference(reference: Reference) -> tuple[Image.Image, Image.Image]:
    """The reference as (image in RGB, RGBA or L; L mask) of the same size, cropped. Soft mask values are kept.

    ImageError says what cannot be used, and why.
    """
    found = _open(reference)
    return found.image, found.mask


def open_placed(reference: Reference, placed: PlacedReference) -> tuple[Image.Image, Image.Image]:
    """The same as an instance has it: mirrored and turned, both alike."""
    image, mask = open_reference(reference)
    flip = placed.flip and placed.flip.value
    return flipped_and_rotated(image, flip, placed.rotate), flipped_and_rotated(mask, flip, placed.rotate)


def look_at(reference: Reference) -> ReferenceLook:
    """What decoding a reference tells: enough to price it, and to say what is odd.

    Pictures are decoded once for the many scenes that may share them. ImageError as `open_reference` raises it.
    """
    paths = (reference.image, reference.mask)
    stamps = tuple(None if path is None else stamp(path) for path in paths)
    look = _look(replace(reference, name=""), stamps)
    if isinstance(look, ImageError):
        raise look.with_traceback(None)
    return look


def look_at_layout(path: Path) -> LayoutLook:
    """What decoding a layout image tells, once while it is unchanged."""
    look = _look_at_layout(path, stamp(path))
    if isinstance(look, ImageError):
        raise look.with_traceback(None)
    return look


def damage(path: Path) -> ImageError | None:
    """What keeps a file from being decoded, by itself; found once while it is unchanged."""
    try:
        return _damage(path, stamp(path))
    except ImageError as error:
        return error


def open_layout(path: Path) -> Image.Image:
    """The user's own layout image as RGBA."""
    return _layout(path)[0]


def no_mask(reference: Reference) -> ImageError:
    """The error for an opaque image without a mask file."""
    message = "the image has no transparency, and there is no `mask`"
    return ImageError("no-mask", message, reference.image, hint=_GET_A_MASK)


def sizes_differ(reference: Reference, image: ImageHeader, mask: ImageHeader) -> ImageError:
    """The error for a mask of another size than its image."""
    assert reference.mask is not None
    message = f"the mask is {mask.size} px, but the image {image.size}"
    if mask.size != image.stored_size or mask.orientation != 1:
        return ImageError("mask-size", message, reference.mask, hint="save the mask in the image's size")
    message += f", since its EXIF orientation ({image.orientation}) turns it: the mask fits the picture unturned"
    hint = f"turn the mask too, for example `magick MASK {_UPRIGHT[image.orientation]} NEW`"
    return ImageError("mask-size", message, reference.mask, hint=hint)


@lru_cache(maxsize=8192)
def _look(reference: Reference, stamps: tuple[str | None, ...]) -> ReferenceLook | ImageError:
    try:
        found = _open(reference)
    except ImageError as error:
        return error
    mask, readings, transparent = found.mask, found.readings, found.transparent
    del found  # and with it the picture, which may be large
    small = mask.copy()
    small.thumbnail((_SILHOUETTE_SIDE, _SILHOUETTE_SIDE), Image.Resampling.BOX)
    corner = (0, 0) if reference.crop is None else reference.crop.pixels[:2]
    warnings = (*warnings_of(mask, corner), *_transparent(transparent))
    return ReferenceLook(small, Size(*mask.size), readings, warnings)


@lru_cache(maxsize=8192)
def _damage(path: Path, stamped: str) -> ImageError | None:
    try:
        with decoded(path):
            return None
    except ImageError as error:
        return error.with_traceback(None)


@lru_cache(maxsize=256)
def _look_at_layout(path: Path, stamped: str) -> LayoutLook | ImageError:
    try:
        image, readings = _layout(path)
    except ImageError as error:
        return error
    least, most = image.getextrema()[3]  # type: ignore[misc]
    return LayoutLook(int(most) < HALF, int(least) >= HALF, readings)


def _open(reference: Reference) -> _Opened:
    if reference.mask is None:
        picture, readings = _picture(reference.image)
        if picture.alpha is None:
            raise no_mask(reference)
        if _darkest(picture.alpha) >= HALF:
            raise _opaque(reference)
        picture = _cropped(picture, reference)
        assert picture.alpha is not None
        return _Opened(picture.image, _not_empty(picture.alpha, reference), readings)
    image_header, mask_header = header(reference.image), header(reference.mask)
    if image_header.size != mask_header.size:
        raise sizes_differ(reference, image_header, mask_header)
    early = None if mask_header.bands == 1 else _mask(reference)  # what is larger on the way goes first
    picture, readings = _picture(reference.image)
    picture = _cropped(picture, reference)
    mask, how = early or _mask(reference)
    return _Opened(picture.image, _not_empty(mask, reference), readings + how, _share_hidden(mask, picture.alpha))


def _cropped(picture: ReadPicture, reference: Reference) -> ReadPicture:
    if reference.crop is None:
        return picture
    box, alpha = reference.crop.pixels, picture.alpha
    return ReadPicture(picture.image.crop(box), None if alpha is None else alpha.crop(box))


def _not_empty(mask: Image.Image, reference: Reference) -> Image.Image:
    if _brightest(mask) < HALF:
        raise _nothing_visible(reference, mask)
    return mask


def _layout(path: Path) -> tuple[Image.Image, Readings]:
    picture, readings = _picture(path)
    if picture.image.mode == "RGBA":
        return picture.image, readings
    image = picture.image.convert("RGB") if picture.image.mode == "L" else picture.image
    image.putalpha(picture.alpha or Image.new("L", image.size, 255))
    return image, readings


def _picture(path: Path) -> tuple[ReadPicture, Readings]:
    """A picture, and how it is read otherwise than by version 0.1.0."""
    with _opened(path) as (image, how):
        picture = read(image, release=True)
        if picture.alpha is not None and clear_hidden(picture.image, picture.alpha):
            how.append(_CLEARED)
        return picture, tuple(how)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, list[str]]]:
    """A decoded file, and how it is read otherwise than by version 0.1.0; ImageError where its numbers are none."""
    with decoded(path) as image:
        how = _ways(image, path)
        try:
            yield image, how
        except UnreadablePixels as error:
            raise ImageError("odd-pixels", str(error), path, hint=_EIGHT_BITS) from None


def _mask(reference: Reference) -> tuple[Image.Image, Readings]:
    path = reference.mask
    assert path is not None
    with _opened(path) as (image, how):
        try:
            mask = mask_of(image, release=True)
        except MaskError as error:
            raise ImageError(error.code, str(error), path, hint=error.hint) from None
    return mask if reference.crop is None else mask.crop(reference.crop.pixels), tuple(how)


def _ways(image: Image.Image, path: Path) -> list[str]:
    """How a decoded picture is read otherwise than by version 0.1.0, which knew neither profiles nor all EXIF."""
    how = [_CONVERTED] if is_converted(image) else []
    if image.format == "PNG" and orientation_of(image) != 1:
        with opened(path) as again:
            if "exif" not in again.info:
                how.append(_TURNED)
    return how


def _darkest(mask: Image.Image) -> int:
    return int(mask.getextrema()[0])  # type: ignore[arg-type]


def _brightest(mask: Image.Image) -> int:
    return int(mask.getextrema()[1])  # type: ignore[arg-type]


def _share_hidden(mask: Image.Image, alpha: Image.Image | None) -> float:
    """How much of a subject is fully transparent in its picture."""
    if alpha is None or _darkest(alpha) > 0:
        return 0.0
    hidden = mask.histogram(mask=alpha.point([255] + [0] * 255))
    return sum(hidden[HALF:]) / max(1, sum(mask.histogram()[HALF:]))


def _transparent(share: float) -> Iterator[SubjectWarning]:
    if share > _NEGLIGIBLE:
        message = f"{share:.0%} of the subject is fully transparent in the image, where it has no colour"
        hint = "leave `mask` out to use the transparency, or give the picture without it"
        yield SubjectWarning("transparent-subject", message.replace("%", " %"), hint)


def _opaque(reference: Reference) -> ImageError:
    message = "the image is opaque everywhere, so the whole rectangle would be the subject"
    hint = f"{_GET_A_MASK}; a mask that is white everywhere says that the rectangle is meant"
    return ImageError("opaque-image", message, reference.image, hint=hint)


def _nothing_visible(reference: Reference, mask: Image.Image) -> ImageError:
    where = "within the crop, " if reference.crop else ""
    most = _brightest(mask)
    faint = f"reaches one half, where masks are cut: the most is {most} of 255"
    if reference.mask is None:
        message = f"no pixel's opacity {faint}" if most else "the image is fully transparent"
        return ImageError("empty-mask", f"{where}{message}", reference.image, hint="make the subject opaque")
    assert reference.mask is not None
    if (values := _numbers(reference.mask)) is not None:
        return ImageError("empty-mask", f"{where}{_listed(values)}", reference.mask, hint=_of_numbers(values))
    message = f"no pixel of the mask {faint}" if most else "the mask is black everywhere"
    hint = "white is the subject, black the background"
    return ImageError("empty-mask", f"{where}{message}", reference.mask, hint=hint)


def _numbers(path: Path) -> list[int] | None:
    """The values of a mask that is dark everywhere, where they are few: numbers of objects, not opacity."""
    with decoded(path) as image:
        values = few_values(image)
    return values if values is not None and len(values) > 1 else None


def _listed(values: list[int]) -> str:
    more = f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
    return f"the mask has the values {', '.join(map(str, values[:_LISTED]))}{more} only, which are all black"


def _of_numbers(values: list[int]) -> str:
    if len(values) == 2:
        return "multiply it by 255, for example `magick MASK -auto-level NEW`: white is the subject"
    return "a mask is white on one subject: make the value of yours 255 and all others 0"
