"""PNG files of a folder that others write to, opened and read within limits; and the record in them.

Pillow reads what stands around the pixels whole, however much there is. So chunks are counted before it does.
"""

from __future__ import annotations

import contextlib
import errno
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from contextgen_cli.errors import UsageError
from contextgen_cli.records.foreign_json import parse_object
from contextgen_cli.records.regular_files import open_regular
from contextgen_cli.scene.check.image_formats.foreign_files import kind_of
from contextgen_cli.scene.check.image_formats.image_pieces import PNG_SIGNATURE, png_chunks
from contextgen_cli.scene.limits import LARGEST_SIDE
from contextgen_cli.scene.parse.missing_files import near_file

if TYPE_CHECKING:
    from PIL.Image import Image

RECORD_KEY = "contextgen"  # the text chunk of a picture's record
LARGEST_PIXELS = LARGEST_SIDE**2
_LARGEST_SHEET = 4 * LARGEST_PIXELS  # pixels of a contact sheet, the largest picture that we write
_LARGEST_BESIDE = 16 << 20  # bytes of chunks that are none of the pixels': the largest scene's record has room
_MOST_BESIDE = 256  # of these; ours have 3
_MOST_CHUNKS = 1 << 17
_PNG = "a PNG picture"
_ONLY_PNG = "Only a PNG as render wrote it does; most editors and services drop it."
_BEGINNING = 512  # bytes that tell what a file is
_DAMAGED = (ValueError, SyntaxError, EOFError, IndexError, OverflowError, struct.error, zlib.error)


class OddPicture(OSError):
    """A PNG that nobody paints: too much of something in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EINVAL, reason)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Image]:
    """A PNG file, its pixels not yet decoded; what is wrong with these is an OSError in the block too.

    Raises:
        OSError: there is no such file, or none that can be a picture of ours.
    """
    from PIL import Image, UnidentifiedImageError

    with open_regular(path) as file:
        _check_size(file)
        _check_chunks(file)
        file.seek(0)
        try:
            with Image.open(file, formats=["PNG"]) as image:
                yield image
        except UnidentifiedImageError as problem:
            raise OddPicture("not a picture") from problem
        except (*_DAMAGED, Image.DecompressionBombError) as problem:
            raise OddPicture(str(problem)) from problem


def refuse_large(image: Image) -> None:
    """
    Raises:
        OddPicture: it has more pixels than the largest canvas, so that decoding it takes who knows how much.
    """
    if image.width * image.height > LARGEST_PIXELS:
        raise _too_large(image.width, image.height)


def record_text(image: Image) -> str | None:
    """What an opened picture remembers, as it is written there."""
    text = image.info.get(RECORD_KEY)
    return None if text is None else str(text)


def read_record(path: Path) -> dict[str, Any]:
    """What a picture remembers, as plain JSON values; `parse_record` understands them.

    Raises:
        UsageError: there is no such picture, or it remembers nothing.
    """
    try:
        record = _read_record(path)
    except OSError as problem:
        if (kind := _kind(path)) not in (None, _PNG):
            raise UsageError(f"{path}: {kind}, which remembers no scene", hint=_ONLY_PNG) from problem
        reason = problem.strerror or "not a picture"
        near = near_file(path) if isinstance(problem, FileNotFoundError) else None
        hint = near or "Give a PNG that render wrote; `contextgen validate` reads scenes."
        raise UsageError(f"{path}: cannot be read: {reason}", hint=hint) from problem
    except ValueError as problem:
        raise UsageError(
            f"{path}: its record cannot be read: {problem}", hint="Render never writes such a one: somebody changed it."
        ) from problem
    if record is None:
        raise UsageError(f"{path}: {_PNG} that remembers no scene", hint=_ONLY_PNG)
    return record


def job_of(path: Path) -> str | None:
    """The id of the job that painted a picture, as that says; None: it says nothing."""
    try:
        record = _read_record(path)
    except (OSError, ValueError):
        return None
    job = None if record is None else record.get("job")
    return job if isinstance(job, str) else None


def _read_record(path: Path) -> dict[str, Any] | None:
    with opened(path) as image:
        text = record_text(image)
    return None if text is None else parse_object(text)


def _kind(path: Path) -> str | None:
    try:
        with open_regular(path) as file:
            return kind_of(file.read(_BEGINNING))
    except OSError:
        return None


def _check_size(file: BinaryIO) -> None:
    """Refuse by the header alone what Pillow would warn of, or refuse in words of its own."""
    head = file.read(24)
    if head[:8] != PNG_SIGNATURE or len(head) < 24:
        raise OddPicture("not a picture")
    width, height = struct.unpack(">II", head[16:])
    if width * height > _LARGEST_SHEET:
        raise _too_large(width, height)
    file.seek(len(PNG_SIGNATURE))


def _too_large(width: int, height: int) -> OddPicture:
    return OddPicture(f"{width}x{height} px are more than {LARGEST_SIDE}x{LARGEST_SIDE}")


def _check_chunks(file: BinaryIO) -> None:
    """Refuse what would take Pillow long or much memory, and a picture of two records: nobody knows which is meant."""
    beside: list[int] = []
    records = 0
    for number, chunk in enumerate(png_chunks(file)):
        if number == _MOST_CHUNKS:
            raise OddPicture("more parts than a picture has")
        beside += [chunk.length] * (chunk.kind != b"IDAT")
        if len(beside) > _MOST_BESIDE or sum(beside) > _LARGEST_BESIDE:
            raise OddPicture("more is written beside its pixels than a picture has")
        records += chunk.start.startswith(RECORD_KEY.encode() + b"\0")
        if records > 1:
            raise OddPicture("it has two records")
