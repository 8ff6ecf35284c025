"""Where the files of IMIG-100K are fetched from: its hub repository, or a folder that somebody has put them in."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from contextgen_cli.errors import EnvironmentProblem, UsageError
from contextgen_cli.models import error_translation
from contextgen_cli.records.regular_files import sha256_of_file
from contextgen_cli.records.unwritable import unwritable

if TYPE_CHECKING:
    from huggingface_hub import HfFileSystem

_BLOCK = 16 << 20  # bytes that are asked for at once
_ENDINGS = (".tar", ".json")
Told = Callable[[int], None]  # is called with the bytes that have come since


class Damaged(EnvironmentProblem):
    """What came is not what was to come."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a source has; `path` is relative, with slashes. `sha256`: None where nobody states it."""

    path: str
    size: int
    sha256: str | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


class Source(Protocol):
    """Where files come from.

    Attributes:
        needs_copies: what is at hand takes room of its own while it is unpacked.
    """

    needs_copies: bool

    def files(self) -> list[SourceFile]:
        """The archives and lists that there are.

        Raises:
            EnvironmentProblem: the source cannot be reached.
        """
        ...

    def at_hand(self, file: SourceFile, folder: Path, told: Told) -> contextlib.AbstractContextManager[Path]:
        """A file on this disk inside the block, whole; `folder` is for what has come of it so far.

        Raises:
            EnvironmentProblem: it cannot be had.
        """
        ...

    def begun(self, file: SourceFile, folder: Path) -> int:
        """The bytes of a file that have come already."""
        ...


class LocalSource:
    """A folder of files as the hub has them, at any depth; they stay where they are."""

    needs_copies = False

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder", hint="Name the folder that holds the archives with --from.")
        self._folder = folder

    def files(self) -> list[SourceFile]:
        found = (path for path in sorted(self._folder.rglob("*")) if path.suffix in _ENDINGS and path.is_file())
        files = [SourceFile(path.relative_to(self._folder).as_posix(), path.stat().st_size) for path in found]
        return [file for file in files if not re.search(r"(^|/)\.", file.path)]  # what a fetch itself keeps is hidden

    @contextlib.contextmanager
    def at_hand(self, file: SourceFile, folder: Path, told: Told) -> Iterator[Path]:
        yield self._folder / file.path

    def begun(self, file: SourceFile, folder: Path) -> int:
        return 0


class HubSource:
    """A data set's repository on the hub, at the revision that is the newest when it is opened."""

    needs_copies = True

    def __init__(self, repository: str) -> None:
        self._repository, self._revision = repository, ""

    def files(self) -> list[SourceFile]:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        with error_translation.fetching():
            api = HfApi()
            self._revision = str(api.dataset_info(self._repository).sha)
            tree = api.list_repo_tree(self._repository, recursive=True, revision=self._revision, repo_type="dataset")
            return [
                SourceFile(each.path, each.size, None if each.lfs is None else each.lfs.sha256)
                for each in tree
                if isinstance(each, RepoFile) and each.path.endswith(_ENDINGS)
            ]

    @contextlib.contextmanager
    def at_hand(self, file: SourceFile, folder: Path, told: Told) -> Iterator[Path]:
        part = _part(file, folder)
        try:
            with part.open("ab", buffering=0) as coming:
                for block in self._blocks(file, coming.tell()):
                    coming.write(block)
                    told(len(block))
        except OSError as problem:
            raise unwritable(part, problem) from problem
        _check(file, part)
        yield part
        part.unlink()

    def begun(self, file: SourceFile, folder: Path) -> int:
        part = _part(file, folder)
        return part.stat().st_size if part.is_file() else 0

    def _blocks(self, file: SourceFile, begun: int) -> Iterator[bytes]:
        if begun >= file.size:
            return
        with error_translation.fetching(), self._remote(file) as remote:
            remote.seek(begun)
            while block := remote.read(_BLOCK):
                yield block

    def _remote(self, file: SourceFile) -> BinaryIO:
        from huggingface_hub import HfFileSystem

        hub: HfFileSystem = HfFileSystem()
        path = f"datasets/{self._repository}@{self._revision}/{file.path}"
        remote: BinaryIO = hub.open(path, "rb", block_size=_BLOCK, cache_type="none", size=file.size)
        return remote


def _part(file: SourceFile, folder: Path) -> Path:
    """What has come of a file; of another content under its name, it is another one."""
    return folder / f"{file.name}.{(file.sha256 or str(file.size))[:12]}.part"


def _check(file: SourceFile, part: Path) -> None:
    """Hold what came against size and sum; what is wrong goes, so that the next run begins anew."""
    whole = part.stat().st_size == file.size
    if not whole or (file.sha256 is not None and sha256_of_file(part) != file.sha256):
        part.unlink()
        raise Damaged(
            f"{file.path}: what came differs from what the hub says it is",
            hint="Run the same command again: this file is fetched anew. If it stays so, try another network.",
        )
