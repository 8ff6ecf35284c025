"""Where pictures go: their names, writing them whole or not at all, and what a picture remembers.

A picture carries the job that painted it as JSON in its PNG text chunk `contextgen`. A run never overwrites
another job's picture: in a folder an older one of the same scene is set aside (see `outdated`), beside that of another
scene it takes a longer name; a file asked for by name it refuses, unless it is told to replace it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextgen_cli.errors import OutputError, UsageError
from contextgen_cli.records.picture_file import RECORD_KEY, job_of
from contextgen_cli.records.regular_files import open_regular
from contextgen_cli.records.unwritable import NO_LINK, unwritable

if TYPE_CHECKING:
    from PIL.Image import Image

STDOUT = "-"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"  # the last chunk of every PNG
_OTHER_FILE = re.compile(  # what nobody calls a folder
    r"\.(jpe?g|webp|gif|bmp|tiff?|avif|heic|svg|pdf|psd|mp4|txt|md|html?|jsonl?|ya?ml|csv|toml|xml|log|zip|tar|gz)",
    re.IGNORECASE,
)
_COMPANION = re.compile(r".+\.(layout|input-\d+)\.png", re.IGNORECASE)
_PART = re.compile(r"\..+\.(?P<host>[A-Za-z0-9-]+)\.(?P<process>[0-9]+)\.part")
_COMPRESSION = 4  # of 9: a third of the time of the usual 6, for files a few per cent larger
ID_LETTERS = 8  # of a job's id, where a name has to carry it


class Taken(OutputError):
    """Somebody else's file came to stand there in the meantime."""


@dataclass(frozen=True, slots=True)
class Composition:
    """What a model sees: the layout image (RGBA, transparent where nothing is given), the references."""

    layout: Image
    inputs: tuple[Image, ...]  # RGBA, as resized for the model; one an instance, back to front


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """Where a job's picture belongs, and whether it is there already."""

    path: Path
    exists: bool
    evades: Path | None = None  # the name it would have had, were another picture not there
    broken: bool = False  # it is there, but not whole


@dataclass(frozen=True, slots=True)
class Destination:
    """What `-o` says: a folder, one picture's file, or standard output."""

    folder: Path
    file: Path | None = None
    to_stdout: bool = False
    embed_record: bool = True  # False: pictures carry no record, so their names carry the job's id
    replace: bool = False  # the picture in the one file, whichever it is

    @classmethod
    def parse(cls, text: str, *, embed_record: bool = True, replace: bool = False) -> Destination:
        destination = cls._named(text, embed_record)
        if replace and destination.file is None:
            raise UsageError(
                "--replace is for the one .png file that -o names",
                hint="In a folder the newest picture of a scene always has the plain name; --fresh paints all again.",
            )
        return dataclasses.replace(destination, replace=replace)

    @classmethod
    def _named(cls, text: str, embed_record: bool) -> Destination:
        if text == STDOUT:
            return cls(Path(), to_stdout=True, embed_record=embed_record)
        path = _without_tilde(text)
        if is_other_file(path):
            raise UsageError(
                f"{text}: pictures are PNG files", hint=f"Write {path.with_suffix('.png')}, or name a folder."
            )
        if path.suffix.lower() != ".png" or path.is_dir():
            return cls(path, embed_record=embed_record)
        return cls(path.parent, file=path, embed_record=embed_record)

    @property
    def keeps_ledger(self) -> bool:
        """A folder keeps a ledger; beside one picture's file it would be a surprise."""
        return not self.file and not self.to_stdout

    def refuse_vanished(self) -> None:
        """Refuse to write into a folder that is no longer there: whoever removed it does not want it made again.

        Raises:
            OutputError: it is gone.
        """
        if not self.folder.is_dir():
            raise OutputError(
                f"{self.folder}: the output folder is gone", hint="Bring it back, and run the same command again."
            )

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
            _try_folder(self.folder)

    def refuse_another(self, job_id: str) -> None:
        """Refuse a file asked for by name that holds another job's picture.

        Raises:
            UsageError: it does, or something that is no picture of ours.
        """
        if self.file is None or not os.path.lexists(self.file):
            return
        held = job_of(self.file)
        if held is None:
            raise UsageError(f"{self.file} holds another picture", hint="Give another name, or remove it first.")
        if held != job_id and not self.replace:
            raise UsageError(
                f"{self.file} holds another picture (job {held[:ID_LETTERS]})",
                hint="Give another name, or --replace it.",
            )

    def place(self, name: str, seed: int, job_id: str) -> PicturePlace:
        """The path of a job's picture: its plain name, or one with its id if another picture has that."""
        plain = self.file or self.folder / f"{name}-{seed}.png"
        with_id = plain.with_name(f"{plain.stem}-{job_id[:ID_LETTERS]}.png")
        if not self.embed_record and not self.file:
            return _placed(with_id)
        if not os.path.lexists(plain):
            return PicturePlace(plain, exists=False)  # not asked again: another run's picture may land there any moment
        if (held := job_of(plain)) == job_id:
            return _placed(plain)
        if self.file and self.replace and held:
            return PicturePlace(plain, exists=False, broken=True)
        return _placed(with_id, evades=plain)


def _without_tilde(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{text}: there is no such user", hint="Write the path out, or ./~ for such a name.") from None


def is_other_file(path: Path, *own: str) -> bool:
    """Whether a name is that of a file of another kind than our `own`; a folder that exists may be called anything."""
    return bool(_OTHER_FILE.fullmatch(path.suffix)) and path.suffix.lower() not in own and not path.is_dir()


def companion(picture: Path, part: str) -> Path:
    """What lies beside a picture: its `layout`, or `input-1` and so on."""
    return picture.with_name(f"{picture.stem}.{part}.png")


def is_companion(path: Path) -> bool:
    """Whether a file is called as the layout or an input of a picture is, which lies beside it."""
    return bool(_COMPANION.fullmatch(path.name))


def is_whole(path: Path) -> bool:
    """Whether there is a PNG that was not cut short."""
    try:
        with open_regular(path) as file:
            file.seek(-len(_PNG_END), os.SEEK_END)
            return file.read() == _PNG_END
    except OSError:  # shorter than that, or not there
        return False


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


def write(path: Path, data: bytes, *, replacing: bool = True) -> None:
    """Write `data` to `path` whole or not at all, through a temporary name beside it; the folder is made if need be.

    Raises:
        Taken: there is something of that name, which is not to be replaced.
        OutputError: the disk is full, the folder is read-only, or something else stands in the way.
    """
    _make_folder(path.parent)
    temporary = _temporary(path)
    try:
        _write_synced(temporary, data)
        if replacing or not _linked(temporary, path):
            temporary.replace(path)
        _sync_folder(path.parent)
    except FileExistsError as problem:
        raise Taken(f"{path} is taken") from problem
    except OSError as problem:
        raise unwritable(path, problem) from problem
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # only there if something failed, an interruption included


def sweep(folder: Path) -> None:
    """Remove what processes of this machine left unfinished in a folder and can no longer finish."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            left = _PART.fullmatch(entry.name)
            if left and left["host"] == _host() and not _lives(int(left["process"])):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    _quietly(Path(entry.path).unlink)


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write several files. Where one fails, those that are new go again, and so do new folders.

    Raises:
        OutputError: as `write` does.
    """
    with contextlib.ExitStack() as undo:
        for path, data in files.items():
            for folder in _missing_folders(path.parent):
                undo.callback(_quietly, folder.rmdir)
            if not path.exists():
                undo.callback(_quietly, path.unlink)
            write(path, data)
        undo.pop_all()


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder that appears whole or not at all: what the block writes into the one it is given is renamed at its end.

    Raises:
        UsageError: there is something already.
        OutputError: the disk is full, the folder above is read-only, or something else stands in the way.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        held = "holds files already" if folder.is_dir() else "is a file"
        raise UsageError(f"{folder} {held}", hint="Name a new or an empty folder with -o.")
    _make_folder(folder.parent)
    temporary = _temporary(folder.resolve())
    sweep(temporary.parent)
    try:
        temporary.mkdir()
        yield temporary
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
        _sync_folder(folder.parent)
    except OSError as problem:
        raise unwritable(folder, problem) from problem
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # only there if something failed, an interruption included


def _temporary(path: Path) -> Path:
    """Its name says who writes it, so that nobody removes what a living process is writing, and cannot be foreseen."""
    return path.with_name(f".{secrets.token_hex(4)}.{path.name}.{_host()}.{os.getpid()}.part")


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "here"


def _lives(process: int) -> bool:
    if os.name == "nt":  # where asking in this way would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _linked(temporary: Path, path: Path) -> bool:
    """Give a file its final name unless something has it, which is raised; False where files cannot be linked."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _write_synced(path: Path, data: bytes) -> None:
    """Write a file that is not there yet: where somebody has put a link in its place, that is an error."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):  # of file systems that sync no folders
            raise
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise unwritable(folder, problem) from problem


def _try_folder(folder: Path) -> None:
    """Open a file without a name in it: the system knows best what keeps us out."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise unwritable(folder, problem) from problem


def _missing_folders(folder: Path) -> Iterator[Path]:
    """The folders to be made on the way to `folder`, the outermost first."""
    return (each for each in reversed([folder, *folder.parents]) if not each.exists())


def _quietly(undo: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):
        undo()


def _placed(path: Path, evades: Path | None = None) -> PicturePlace:
    whole = is_whole(path)
    return PicturePlace(path, whole, evades, broken=not whole and os.path.lexists(path))
