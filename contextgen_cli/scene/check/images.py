"""Reads reference images, masks and layout images: by their header alone, or decoded and converted.

A mask file's grey value is the mask: white is the subject. Where the file is of one flat tone and its
transparency varies, the transparency is the mask; where both vary it is refused, as nobody can know which was
meant. EXIF orientation is applied to image and mask, each by its own. An animation gives its first frame.
"""

from __future__ import annotations

import re
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from contextgen_cli.errors import SceneError
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.limits import REFERENCE_PIXELS
from contextgen_cli.scene.parse.missing_files import near_file
from contextgen_cli.scene.scene import Reference, Size

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = range(5, 9)  # the EXIF orientations that swap width and height
_SILHOUETTE_SIDE = 128  # pixels: a price is a forecast
_HALF = 128  # masks are cut at one half of 255
_GET_A_MASK = "add `mask:`; any background remover, such as rembg, writes one, or save a PNG with transparency"
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, struct.error, zlib.error)


class ImageError(SceneError):
    """An image file that a scene names cannot be used: `path`; `code` as in `Problem`."""

    def __init__(self, code: str, what: str, path: Path, *, hint: str | Callable[[], str | None] | None = None) -> None:
        super().__init__(f"{what}: {shown(path)}", hint=hint)
        self.code = code
        self.path = path


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a file says before anything is decoded. The sides are as seen: EXIF orientation applied."""

    width: int
    height: int
    has_alpha: bool
    frames: int

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)


def header(path: Path) -> ImageHeader:
    """The header of an image file; ImageError where it is missing, no image or too large."""
    return _header(path, *_stat(path))


def open_reference(reference: Reference) -> tuple[Image.Image, Image.Image]:
    """The reference as (RGB image, L mask) of the same size, cropped. Soft mask values are kept as they are.

    The colours under transparent pixels are those of the file. ImageError says what cannot be used, and why.
    """
    rgb, alpha = _decoded(reference.image)
    mask = alpha if reference.mask is None else _mask(reference.mask)
    if mask is None:
        raise no_mask(reference)
    if reference.mask is None and _darkest(mask) >= _HALF:
        raise _opaque(reference)
    if mask.size != rgb.size:
        raise sizes_differ(reference, Size(*rgb.size), Size(*mask.size))
    if reference.crop is not None:
        rgb, mask = rgb.crop(reference.crop.pixels), mask.crop(reference.crop.pixels)
    if is_empty(mask):
        raise _nothing_visible(reference, mask)
    return rgb, mask


def silhouette(reference: Reference) -> tuple[Image.Image, Size]:
    """A thumbnail of the reference's mask (L), and the size of what is used of the picture: enough to price it.

    Pictures are decoded once for the many scenes that may share them. ImageError as `open_reference` raises it.
    """
    paths = (reference.image, reference.mask)
    stamps = tuple(None if path is None else _stat(path) for path in paths)
    return _silhouette(replace(reference, name=""), stamps)


@lru_cache(maxsize=8192)
def _silhouette(reference: Reference, stamps: tuple[tuple[int, int] | None, ...]) -> tuple[Image.Image, Size]:
    mask = open_reference(reference)[1]
    small = mask.copy()
    small.thumbnail((_SILHOUETTE_SIDE, _SILHOUETTE_SIDE), Image.Resampling.BOX)
    return small, Size(*mask.size)


def is_empty(mask: Image.Image) -> bool:
    """Whether no pixel of a mask or an alpha channel is counted as opaque."""
    return _brightest(mask) < _HALF


def _darkest(mask: Image.Image) -> int:
    return int(mask.getextrema()[0])  # type: ignore[arg-type]


def _brightest(mask: Image.Image) -> int:
    return int(mask.getextrema()[1])  # type: ignore[arg-type]


def open_layout(path: Path) -> Image.Image:
    """The user's own layout image as RGBA."""
    rgb, alpha = _decoded(path)
    rgb.putalpha(Image.new("L", rgb.size, 255) if alpha is None else alpha)
    return rgb


def no_mask(reference: Reference) -> ImageError:
    """The error for an opaque image without a mask file."""
    message = "the image has no transparency, and there is no `mask`"
    return ImageError("no-mask", message, reference.image, hint=_GET_A_MASK)


def sizes_differ(reference: Reference, image: Size, mask: Size) -> ImageError:
    """The error for a mask of another size than its image."""
    message = f"the mask is {mask} px, but the image {image}"
    return ImageError("mask-size", message, reference.mask or reference.image, hint="save the mask in the image's size")


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
    message = f"no pixel of the mask {faint}" if most else "the mask is black everywhere"
    hint = "white is the subject, black the background"
    return ImageError("empty-mask", f"{where}{message}", reference.mask, hint=hint)


def _stat(path: Path) -> tuple[int, int]:
    """Modification time and size; ImageError where there is no file that could be an image."""
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError("no-such-image", "no such file", path, hint=partial(_missing_hint, path)) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(state.st_mode):
        raise ImageError("not-an-image", "a folder, not an image", path, hint="name a file in it")
    if not stat.S_ISREG(state.st_mode):
        raise ImageError("not-an-image", "not a regular file", path)
    if state.st_size == 0:
        raise ImageError("not-an-image", "an empty file", path)
    return state.st_mtime_ns, state.st_size


def _missing_hint(path: Path) -> str | None:
    if re.search(r"\w\w:/", path.as_posix()):  # of `://`, a path keeps one slash; before one letter it is a drive
        return "download it first: a scene names files, not addresses"
    if "~" in path.parts:
        return "`~` is not expanded in scenes: write the path relative to the scene file"
    return near_file(path)


@lru_cache(maxsize=8192)
def _header(path: Path, modified: int, size: int) -> ImageHeader:
    """`modified` and `size` are here so that a changed file is read again."""
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
        return ImageHeader(width, height, _has_alpha(image), getattr(image, "n_frames", 1))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The opened, not yet decoded image; what goes wrong inside the block is the file's fault."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about size (we have our own limit) and about odd metadata
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > REFERENCE_PIXELS:
                    raise _too_large(path, f"{image.width}x{image.height} px")
                yield image
    except Image.DecompressionBombError:
        raise _too_large(path, "absurdly large") from None
    except UnidentifiedImageError:
        hint = f"use one of {', '.join(FORMATS)}"
        raise ImageError("not-an-image", "not an image, or of a kind not read here", path, hint=hint) from None
    except PermissionError as error:
        raise _unreadable(path, error) from None
    except _DAMAGED as error:
        hint = "get the file again, or save it anew"
        raise ImageError("damaged-image", f"damaged ({_reason(error)})", path, hint=hint) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _too_large(path: Path, what: str) -> ImageError:
    limit = f"{REFERENCE_PIXELS // 1_000_000} megapixels"
    return ImageError("image-too-large", f"{what}, more than {limit}", path, hint="make it smaller")


def _unreadable(path: Path, error: Exception) -> ImageError:
    return ImageError("unreadable-image", f"cannot be read ({_reason(error)})", path)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation that is still to be applied; 1: none."""
    if image.format == "TIFF":
        return 1  # Pillow turns these itself, the size in the header included
    if "exif" not in image.info and image.format == "PNG":
        return 1  # Pillow would decode the whole file in search of a late chunk
    return int(image.getexif().get(_ORIENTATION_TAG, 1))


def _has_alpha(image: Image.Image) -> bool:
    return image.mode not in ("I", "I;16", "I;16B", "I;16L", "F") and image.has_transparency_data


def _decoded(path: Path) -> tuple[Image.Image, Image.Image | None]:
    """The image in RGB and its alpha channel if it has one."""
    _stat(path)
    with _opened(path) as opened:
        opened.verify()  # decoding alone takes pixels whose checksum is wrong
    with _opened(path) as opened:
        is_turned = _orientation(opened) != 1
        opened.load()
        image = _eight_bit(ImageOps.exif_transpose(opened) if is_turned else opened, opened.format, path)
        if not _has_alpha(image):
            return image.convert("RGB"), None
        rgba = image.convert("RGBA")
        return rgba.convert("RGB"), rgba.getchannel("A")


def _eight_bit(image: Image.Image, file_format: str | None, path: Path) -> Image.Image:
    """Grey of 16 bits scaled, not clipped, to 8."""
    if image.mode.startswith("I;16") or (image.mode == "I" and file_format == "PNG"):
        return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode in ("I", "F"):
        hint = "save it with 8 or 16 bits a channel"
        raise ImageError("odd-pixels", "its pixels are 32-bit numbers", path, hint=hint)
    return image


def _mask(path: Path) -> Image.Image:
    rgb, alpha = _decoded(path)
    grey = rgb.convert("L")
    if alpha is None or alpha.getextrema() == (255, 255):
        return grey
    tones = grey.histogram(mask=alpha.point(lambda value: 255 if value else 0))
    if sum(count > 0 for count in tones) <= 1:
        return alpha
    hint = "save it as a grey picture without transparency: white is the subject"
    raise ImageError("ambiguous-mask", "both its grey and its transparency vary", path, hint=hint)
