"""Which files of a source make up a subset of IMIG-100K, where each belongs, and what the source lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contextgen_cli.app.imig.imig_sources import SourceFile

SUBSETS = ("imig-basic", "imig-complex", "imig-composite", "imig-multicomposite")  # as the library's `imig_release` has


@dataclass(frozen=True)
class Part:
    """A file of a source, and where it belongs: an archive's pictures into a folder of a subset, or its list."""

    file: SourceFile
    subset: str
    folder: str | None = None


@dataclass(frozen=True)
class SubsetPlan:
    """What is there to fetch of a subset.

    Attributes:
        parts: all that the source has of it.
        left: what is not here yet.
        absent: what the source lacks, in words.
    """

    name: str
    parts: tuple[Part, ...]
    left: tuple[Part, ...]
    absent: tuple[str, ...]

    @property
    def size(self) -> int:
        return sum(part.file.size for part in self.parts)

    @property
    def size_left(self) -> int:
        return sum(part.file.size for part in self.left)


def parts_of(subset: str, files: Sequence[SourceFile]) -> Iterator[Part]:
    """The files of a subset among those of a source: the list first, with which one can see what is missing."""
    from contextgen.data.imig.imig_release import Archive

    listed = _list_of(subset, files)
    if listed is not None:
        yield Part(listed, subset)
    for file in sorted(files, key=lambda file: file.name):
        archive = Archive.named(file.name)
        if archive is not None and archive.subset == subset:
            yield Part(file, subset, archive.folder)


def _list_of(subset: str, files: Sequence[SourceFile]) -> SourceFile | None:
    """`filtered_prompts.json` of the subset; else the one list that is the subset's, whatever it is called."""
    from contextgen.data.imig.imig_release import PROMPTS

    lists = [file for file in files if file.name.endswith(".json") and _is_of(subset, file, files)]
    named = [file for file in lists if file.name == PROMPTS]
    return next(iter(named or (lists if len(lists) == 1 else [])), None)


def _is_of(subset: str, file: SourceFile, files: Sequence[SourceFile]) -> bool:
    """Whether a list is a subset's: its path names the subset, or it lies with archives of that one alone."""
    from contextgen.data.imig.imig_release import Archive

    if any(re.match(rf"{subset}([^a-z]|$)", part) for part in file.path.split("/")):
        return True
    beside = (Archive.named(other.name) for other in files if other.folder == file.folder)
    return {archive.subset for archive in beside if archive is not None} == {subset}


def absent(subset: str, parts: Sequence[Part]) -> Iterator[str]:
    """What a subset must have and its source lacks."""
    from contextgen.data.imig.imig_release import PROMPTS, SUBSETS, Archive

    if not parts:
        yield subset
        return
    if all(part.folder is not None for part in parts):
        yield f"{subset}/{PROMPTS}"
    for folder in SUBSETS[subset]:
        archives = (Archive.named(part.file.name) for part in parts if part.folder == folder)
        numbers = {archive.number for archive in archives if archive is not None}
        for number in sorted(set(range(max(numbers, default=0) + 1)) - numbers):
            yield f"{subset}/{subset}-{folder}-{number:06d}.tar"
