"""Where pictures go: their names, writing them whole or not at all, and what a picture remembers.

A picture carries the job that painted it as JSON in its PNG text chunk `contextgen`. A run never overwrites
another job's picture: it takes a longer name instead.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextgen_cli.errors import OutputError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

RECORD_KEY = "contextgen"
STDOUT = "-"
_OTHER_FORMATS = (".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_COMPRESSION = 4  # of 9: a third of the time of the usual 6, for files a few per cent larger
_ID_LETTERS = 8  # of a job's id, where a name has to carry it

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Make room, or choose another folder with -o."),
    errno.EDQUOT: ("your disk quota is used up", "Make room, or choose another folder with -o."),
    errno.EACCES: ("permission denied", "Choose a folder you may write to with -o."),
    errno.EPERM: ("permission denied", "Choose a folder you may write to with -o."),
    errno.EROFS: ("the file system is read-only", "Choose a folder you may write to with -o."),
    errno.ENOTDIR: ("a part of the path is a file", "Choose another folder with -o."),
    errno.EEXIST: ("it is a file", "Choose another folder with -o."),
    errno.EISDIR: ("it is a folder", "Choose another file name with -o."),
    errno.ENAMETOOLONG: ("the name is too long", "Give the scene a shorter name with `name:`."),
}


@dataclass(frozen=True, slots=True)
class Composition:
    """What a model sees: the layout image (RGBA, transparent where nothing is given), the references."""

    layout: Image
    inputs: tuple[Image, ...]  # RGBA, as resized for the model; one an instance, back to front


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a job's picture belongs, and whether it is there already."""

    path: Path
    exists: bool
    evades: Path | None = None  # the name it would have had, were another picture not there


@dataclass(frozen=True, slots=True)
class Destination:
    """What `-o` says: a folder, one picture's file, or standard output."""

    folder: Path
    file: Path | None = None
    to_stdout: bool = False
    remember: bool = True  # False: pictures carry no record, so their names carry the job's id

    @classmethod
    def parse(cls, text: str, *, remember: bool = True) -> Destination:
        if text == STDOUT:
            return cls(Path(), to_stdout=True, remember=remember)
        path = Path(text).expanduser()
        if path.suffix.lower() in _OTHER_FORMATS:
            raise UsageError(
                f"{text}: pictures are PNG files", hint=f"Write {path.with_suffix('.png')}, or name a folder."
            )
        if path.suffix.lower() != ".png" or path.is_dir():
            return cls(path, remember=remember)
        return cls(path.parent, file=path, remember=remember)

    def check(self, jobs: int) -> None:
        """Refuse before any work what could not be written after it."""
        if jobs > 1 and (self.file or self.to_stdout):
            named = "standard output" if self.to_stdout else f"the one file {self.file}"
            raise UsageError(
                f"{jobs} pictures do not fit into {named}",
                hint="Give a folder with -o, or one scene with one seed.",
            )
        if not self.to_stdout:
            _make_folder(self.folder)

    def place(self, name: str, seed: int, job_id: str) -> Placed:
        """The path of a job's picture: its plain name, or one with its id if another picture has that."""
        plain = self.file or self.folder / f"{name}-{seed}.png"
        with_id = plain.with_name(f"{plain.stem}-{job_id[:_ID_LETTERS]}.png")
        if not self.remember and not self.file:
            return Placed(with_id, exists=with_id.exists())
        if not plain.exists():
            return Placed(plain, exists=False)
        if _job_of(plain) == job_id:
            return Placed(plain, exists=True)
        return Placed(with_id, exists=with_id.exists(), evades=plain)


def encode(image: Image, record: Mapping[str, Any] | None = None) -> bytes:
    """PNG bytes that carry `record`; the same picture and record give the same bytes."""
    from PIL.PngImagePlugin import PngInfo

    text = None
    if record is not None:
        text = PngInfo()
        text.add_itxt(RECORD_KEY, json.dumps(record, sort_keys=True, ensure_ascii=False))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=text, compress_level=_COMPRESSION)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all, through a temporary name beside it; the folder is made if need be.

    Raises:
        OutputError: the disk is full, the folder is read-only, or something else stands in the way.
    """
    _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write_synced(temporary, data)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as problem:
        raise _unwritable(path, problem) from problem
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # only there if something failed, an interruption included


def read_record(path: Path) -> dict[str, Any]:
    """What a picture remembers.

    Raises:
        UsageError: there is no such picture, or it remembers nothing.
    """
    try:
        record = _read_record(path)
    except OSError as problem:
        reason = problem.strerror or "not a picture"
        raise UsageError(f"{path}: cannot be read: {reason}", hint="Give a PNG that render wrote.") from problem
    if record is None:
        raise UsageError(
            f"{path}: remembers no scene",
            hint="Only a PNG as render wrote it does; most editors and services drop it.",
        )
    return record


def _unwritable(path: Path, problem: OSError) -> OutputError:
    """Say what keeps `path` from being written, and what to do."""
    reason, hint = _REASONS.get(problem.errno or 0, (problem.strerror or str(problem), None))
    return OutputError(f"{path}: cannot be written: {reason}", hint=hint)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, PermissionError(errno.EACCES, "permission denied"))


def _job_of(path: Path) -> str | None:
    try:
        record = _read_record(path)
    except OSError:
        return None
    return None if record is None else record.get("job")


def _read_record(path: Path) -> dict[str, Any] | None:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            text = image.info.get(RECORD_KEY)
        record = json.loads(text) if text else None
    except (ValueError, Image.DecompressionBombError):  # no JSON, or a PNG that we cannot have written
        return None
    return record if isinstance(record, dict) else None
