"""Opens the image files that a scene names, by their header alone or decoded, and says what is wrong with one."""

from __future__ import annotations

import importlib.util
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from contextgen.pictures.colours import profile_problem
from contextgen.pictures.orientation import exif_problem, is_sideways, orientation_of, upright_size
from contextgen.pictures.transparency import has_alpha, scale_key
from contextgen_cli.errors import SceneError
from contextgen_cli.scene.check.image_formats import foreign_files, image_pieces, jpeg_data
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.limits import REFERENCE_PIXELS
from contextgen_cli.scene.parse.missing_files import near_file
from contextgen_cli.scene.scene import Size
from contextgen_cli.scene.stamps import stamp_of_state

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF") + (
    ("AVIF",) if importlib.util.find_spec("PIL.AvifImagePlugin") else ()
)
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, struct.error, zlib.error)
_ANEW = "get the file again, or save it anew"


class ImageError(SceneError):
    """An image file that a scene names cannot be used: `path`; `code` as in `Problem`."""

    def __init__(self, code: str, what: str, path: Path, *, hint: str | Callable[[], str | None] | None = None) -> None:
        super().__init__(f"{what}: {shown(path)}", hint=hint)
        self.code = code
        self.path = path


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a file says before anything is decoded. The sides are as seen: EXIF orientation applied.

    Attributes:
        bands: channels of each pixel.
        has_more: whether other pictures follow, of an animation or on further pages.
        orientation: as EXIF numbers them, 1 to 8.
        left_out: what of it cannot be read, EXIF or colour profile, in words.
    """

    width: int
    height: int
    bands: int
    has_alpha: bool
    has_more: bool
    orientation: int
    left_out: tuple[str, ...]

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def stored_size(self) -> Size:
        """As the pixels are stored, before EXIF turns them."""
        return Size(self.height, self.width) if is_sideways(self.orientation) else self.size


def header(path: Path) -> ImageHeader:
    """The header of an image file; ImageError where it is missing, no image or too large."""
    return _header(path, stamp(path))


def stamp(path: Path) -> str:
    """`stamp_of` the file; ImageError where there is no file that could be an image."""
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
    return stamp_of_state(state)


def _missing_hint(path: Path) -> str | None:
    if re.search(r"\w\w:/", path.as_posix()):  # of `://`, a path keeps one slash; before one letter it is a drive
        return "download it first: a scene names files, not addresses"
    if "~" in path.parts:
        return "`~` is not expanded in scenes: write the path relative to the scene file"
    return near_file(path)


@lru_cache(maxsize=8192)
def _header(path: Path, stamped: str) -> ImageHeader:
    """`stamped` is here so that a changed file is read again."""
    with opened(path) as image:
        has_more = image.format != "MPO" and getattr(image, "is_animated", False)  # a phone's gain map is no page
        has_transparency = has_alpha(image)
        if image.format == "PNG" and image_pieces.has_late_exif(path):
            image.load()
        left_out = tuple(problem for problem in (exif_problem(image), profile_problem(image)) if problem is not None)
        return ImageHeader(
            *upright_size(image), len(image.getbands()), has_transparency, has_more, orientation_of(image), left_out
        )


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The opened, not yet decoded image; what goes wrong inside the block is the file's fault."""
    try:
        if image_pieces.too_many(path):
            message = f"it has more than {image_pieces.MOST:,} pieces beside its pixels"
            raise ImageError("damaged-image", message, path, hint="save it anew, without comments and other frames")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about size (we have our own limit) and about odd metadata
            with path.open("rb") as file:  # so that the image may be closed by who reads it
                image = Image.open(file, formats=FORMATS)
                if image.width * image.height > REFERENCE_PIXELS:
                    raise _too_large(path, f"{image.width}x{image.height} px")
                yield image
    except Image.DecompressionBombError:
        raise _too_large(path, "absurdly large") from None
    except UnidentifiedImageError:
        raise _unknown(path) from None
    except PermissionError as error:
        raise _unreadable(path, error) from None
    except _DAMAGED as error:
        raise ImageError("damaged-image", f"damaged ({_reason(error)})", path, hint=_ANEW) from None


@contextmanager
def decoded(path: Path) -> Iterator[Image.Image]:
    """The decoded image, as it is stored: neither turned nor converted; errors as `opened` has them."""
    header(path)
    with opened(path) as image:
        image.verify()  # decoding alone takes pixels whose checksum is wrong
    with opened(path) as image:
        scale_key(image)
        image.load()
        if image.format in ("JPEG", "MPO") and jpeg_data.is_incomplete(path, image):
            message = f"its data ends before the {image.width}x{image.height} px that it states"
            raise ImageError("damaged-image", f"truncated ({message})", path, hint=_ANEW)
        yield image


def _unknown(path: Path) -> ImageError:
    if (foreign := foreign_files.named(path)) is not None:
        return ImageError("not-an-image", foreign[0], path, hint=foreign[1])
    hint = f"use one of {', '.join(FORMATS)}"
    return ImageError("not-an-image", "not an image, or of a kind not read here", path, hint=hint)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _too_large(path: Path, what: str) -> ImageError:
    limit = f"{REFERENCE_PIXELS // 1_000_000} megapixels"
    return ImageError("image-too-large", f"{what}, more than {limit}", path, hint="make it smaller")


def _unreadable(path: Path, error: Exception) -> ImageError:
    return ImageError("unreadable-image", f"cannot be read ({_reason(error)})", path)
