"""IMIG-100K into a folder: archive by archive, each unpacked and written down as done.

`.fetched/` in the folder remembers of every archive which pictures came of it, so that a run that was stopped goes on,
and one that finds some missing fetches their archive again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contextgen_cli.app.imig.imig_plan import Part, SubsetPlan, absent, parts_of
from contextgen_cli.app.imig.imig_sources import Damaged, HubSource, LocalSource, Source, SourceFile
from contextgen_cli.errors import OutputError, UsageError
from contextgen_cli.records.foreign_json import parse_object
from contextgen_cli.records.output import write
from contextgen_cli.records.unwritable import unwritable

_STATE = ".fetched"
_LARGEST_LIST = 2 << 30  # bytes
_ANEW = "Nothing of it was taken: get it anew from where it came from."
Told = Callable[[str, int], None]  # is called with a file's name and the bytes that have come of it since


@dataclass(frozen=True)
class Fetched:
    """What a run brought: archives and lists, the pictures of them, and files that training does not read.

    Attributes:
        refused: why archives were not taken; the others were.
    """

    files: int
    pictures: int
    unread: int
    refused: tuple[Damaged, ...]


@dataclass(frozen=True)
class _Brought:
    """What came of a file: the files that it became, with their sizes, and how many were left in it."""

    files: dict[str, int]
    unread: int = 0
    is_list: bool = False


class _Coming:
    """Tells how much of a file has come: as it is fetched, or as it is unpacked where it is here already."""

    def __init__(self, file: SourceFile, begun: int, told: Told) -> None:
        self._name, self._left, self._told = file.name, max(0, file.size - begun), told

    def more(self, size: int) -> None:
        size = min(size, self._left)
        self._left -= size
        if size:
            self._told(self._name, size)

    def whole(self) -> None:
        self.more(self._left)


class Fetching:
    """A fetch into a folder, planned when it is made.

    Raises:
        ContextgenError: the source cannot be reached, or has nothing of the data set.
    """

    def __init__(self, folder: Path, subsets: Sequence[str], local: Path | None) -> None:
        from contextgen.data.imig.imig_release import REPOSITORY

        self._folder, self._state = folder, folder / _STATE
        self._source: Source = HubSource(REPOSITORY) if local is None else LocalSource(local)
        files = self._source.files()
        self.plans = tuple(self._plan(subset, files) for subset in subsets)
        if not any(plan.parts for plan in self.plans):
            where = f"the hub's {REPOSITORY}" if local is None else str(local)
            hint = "Archives are named as on the hub, such as imig-basic-data-000000.tar."
            raise UsageError(f"{where} has nothing of {', '.join(subsets)}", hint=hint)

    @cached_property
    def size_left(self) -> int:
        """The bytes that are still to come; what has come of a file before is not among them."""
        begun = sum(min(part.file.size, self._source.begun(part.file, self._state)) for part in self._left)
        return sum(part.file.size for part in self._left) - begun

    @property
    def room_needed(self) -> int:
        """The bytes that will be taken at most: pictures, and one archive at a time where it has to come first."""
        sizes = [part.file.size for part in self._left]
        return sum(sizes) + (max(sizes, default=0) if self._source.needs_copies else 0)

    @property
    def room(self) -> int:
        """The bytes that are free where the folder is, or will be."""
        there = next(path for path in (self._folder.absolute(), *self._folder.absolute().parents) if path.exists())
        return shutil.disk_usage(there).free

    @property
    def _left(self) -> list[Part]:
        return [part for plan in self.plans for part in plan.left]

    def run(self, told: Told) -> Fetched:
        """Fetch what is left.

        Raises:
            ContextgenError: the disk has no room, or the source cannot be reached; the same command goes on.
        """
        if self.room_needed > self.room:
            raise OutputError(
                f"{self._folder}: {sizes(self.room)} are free, and {sizes(self.room_needed)} are needed",
                hint="Make room, choose another folder with -o, or fetch less with --subset.",
            )
        brought, refused = list[_Brought](), list[Damaged]()
        with _alone(self._state):
            for part in self._left:
                try:
                    brought.append(self._bring(part, told))
                except Damaged as problem:
                    refused.append(problem)
        pictures, unread = sum(len(each.files) for each in brought if not each.is_list), sum(b.unread for b in brought)
        return Fetched(len(brought), pictures, unread, tuple(refused))

    def _bring(self, part: Part, told: Told) -> _Brought:
        place, coming = self._place(part), _Coming(part.file, self._source.begun(part.file, self._state), told)
        with self._source.at_hand(part.file, self._state, coming.more) as path:
            try:
                came = _take_list(path, place) if part.folder is None else _unpack(path, place, coming.more)
            except OSError as problem:
                raise unwritable(place, problem) from problem
            coming.whole()
            record = {"size": part.file.size, "sha256": part.file.sha256, "files": came.files}
            write(self._record(part), json.dumps(record).encode())
        return came

    def _plan(self, subset: str, files: Sequence[SourceFile]) -> SubsetPlan:
        parts = tuple(parts_of(subset, files))
        left = tuple(part for part in parts if not self._is_here(part))
        return SubsetPlan(subset, parts, left, tuple(absent(subset, parts)))

    def _is_here(self, part: Part) -> bool:
        """Whether an earlier run brought it, and all that came of it is still there."""
        try:
            record = parse_object(self._record(part).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        sums = {part.file.sha256, record.get("sha256")} - {None}  # a folder of archives states none
        came, here = record.get("files"), self._sizes(self._place(part))
        same = record.get("size") == part.file.size and len(sums) < 2
        return same and isinstance(came, dict) and all(here.get(name) == size for name, size in came.items())

    def _sizes(self, folder: Path) -> Mapping[str, int]:
        """Of the files in a folder, looked up once."""
        if folder not in self._looked_up:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                self._looked_up[folder] = {entry.name: entry.stat().st_size for entry in entries}
        return self._looked_up.get(folder, {})

    @cached_property
    def _looked_up(self) -> dict[Path, dict[str, int]]:
        return {}

    def _place(self, part: Part) -> Path:
        return self._folder / part.subset / (part.folder or "")

    def _record(self, part: Part) -> Path:
        return self._state / f"{part.subset}-{part.file.name.removeprefix(f'{part.subset}-')}.json"


def sizes(count: int) -> str:
    """A number of bytes in words: 340 bytes, 12 MB, 3.56 GB."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"


def _take_list(path: Path, folder: Path) -> _Brought:
    from contextgen.data.imig.imig_release import PROMPTS

    size = path.stat().st_size
    if size > _LARGEST_LIST:
        raise Damaged(f"{path} has {size:,} bytes: no list of records is as long", hint=_ANEW)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / PROMPTS, path.read_bytes())
    return _Brought({PROMPTS: size}, is_list=True)


def _unpack(path: Path, folder: Path, told: Callable[[int], None]) -> _Brought:
    from contextgen.data.imig.imig_archives import BadArchive, unpack

    try:
        unpacked = unpack(path, folder, told)
    except BadArchive as problem:
        raise Damaged(str(problem), hint=_ANEW) from problem
    return _Brought(unpacked.pictures, unpacked.left)


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the folder inside the block.

    Raises:
        UsageError: another fetch holds it.
        OutputError: it cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = FileLock(state / ".lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise UsageError(f"another fetch writes to {state.parent}", hint="Wait for it.") from error
    except OSError as problem:
        raise unwritable(state.parent, problem) from problem
    try:
        yield
    finally:
        lock.release()
