"""An archive of pictures -> files in one folder. Archives come from anybody: only plain files are taken."""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from contextgen.data.imig.imig_release import PICTURE

_LARGEST = 64 << 20  # bytes of a picture: the release has about one
_LONGEST_HEADER = 1 << 20  # bytes of what describes a member
_MOST = 2_000_000  # members
_OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:")  # how a path begins that is no relative one, on any system


class BadArchive(ValueError):
    """It is not as the release has it, and nothing of it is taken; the message names it and says why."""


@dataclass(frozen=True)
class Unpacked:
    """What came of an archive: the pictures by name with their sizes, and how many files training does not read."""

    pictures: dict[str, int]
    left: int


class _TarMember(tarfile.TarInfo):
    """A member whose description cannot fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarMember:
        member = super().frombuf(buf, encoding, errors)
        if member.type not in (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE) and member.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"what describes a member has {member.size} bytes")
        return member


def unpack(path: Path, folder: Path, unpacked: Callable[[int], None]) -> Unpacked:
    """Write the pictures of an uncompressed tar into `folder`, whatever folders they have in it.

    Every member is looked at before anything is written. A file that is there already is written anew.

    Args:
        unpacked: called with the bytes of each picture, once it is written.

    Raises:
        BadArchive: a member is a link or a device, leads out of the folder, is there twice or too large; there is no
            picture; it is no such archive, or not whole.
        OSError: the folder cannot be written to, or the archive not be read.
    """
    with _opened(path) as archive:
        members = list(_checked(path, archive))
        pictures = {name: member for name, member in members if PICTURE.fullmatch(name)}
        if not pictures:
            found = f", such as {members[0][0]!r}" if members else ""
            raise BadArchive(f"{path}: holds no picture that is named as in IMIG-100K{found}")
        folder.mkdir(parents=True, exist_ok=True)
        for name, member in pictures.items():
            _write(archive, member, folder / name)
            unpacked(member.size)
    return Unpacked({name: member.size for name, member in pictures.items()}, len(members) - len(pictures))


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:", tarinfo=_TarMember) as archive:
            yield archive
    except (tarfile.TarError, EOFError) as error:
        raise BadArchive(f"{path}: no uncompressed tar archive, or not whole: {error}") from error


def _checked(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """The files of an archive with their names."""
    seen: set[str] = set()
    for number, member in enumerate(archive):
        if number >= _MOST:
            raise BadArchive(f"{path}: has more than {_MOST:,} members")
        if _OUTSIDE.match(member.name) or ".." in re.split(r"[/\\]", member.name):
            raise BadArchive(f"{path}: {member.name!r} leads out of the folder")
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise BadArchive(f"{path}: {member.name!r} is no plain file, but {_kind(member)}")
        name = PurePosixPath(member.name).name
        if name in seen:
            raise BadArchive(f"{path}: {name!r} is there twice")
        if member.size > _LARGEST:
            raise BadArchive(f"{path}: {member.name!r} has {member.size:,} bytes, more than any picture")
        seen.add(name)
        yield name, member


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return f"a link to {member.linkname!r}"
    return "a sparse one" if member.issparse() else "a device or a pipe"


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None  # a plain file
    path.unlink(missing_ok=True)
    with source, path.open("xb") as file:  # which no link that somebody puts there can lead elsewhere
        shutil.copyfileobj(source, file)
