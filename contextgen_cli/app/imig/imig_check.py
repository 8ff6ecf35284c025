"""Whether sets in IMIG-100K's formats are whole on this disk, and samples of them as training sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.errors import UsageError
from contextgen_cli.records.regular_files import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen.data.example import Example
    from contextgen.data.imig.imig_records import ImigSet

_CANVAS = (384, 384)  # of a sample, in pixels
_ENDS = {".jpg": b"\xff\xd9", ".png": b"IEND"}  # what stands within the last bytes of a whole file
_LAST = 32  # bytes
_BOXES = ("#e5484d", "#3e63dd", "#30a46c", "#f5a524", "#8e4ec6", "#12a5bf", "#d6409f", "#978365")


@dataclass(frozen=True)
class SetState:
    """What is there of a set.

    Attributes:
        problem: why nothing can be said of its records; None: it can.
        is_here: there is a folder of that name.
        records, references, files: how many training reads, whether they are there or not.
        missing: files that are not there.
        broken: files that end too early, or cannot be read.
        skipped: what training passes over, by its reason.
    """

    name: str
    problem: str | None = None
    is_here: bool = True
    records: int = 0
    references: int = 0
    files: int = 0
    missing: tuple[Path, ...] = ()
    broken: tuple[Path, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        return not (self.problem or self.missing or self.broken)


@dataclass(frozen=True)
class Sample:
    """A record as training sees it: pictures with their names; or what keeps it from being one."""

    name: str
    prompt: str
    pictures: tuple[tuple[str, Image], ...]
    problem: str | None = None


class Checking:
    """Sets that are held against their lists: those of a folder, or the folder itself where it is one.

    Raises:
        UsageError: there is no such folder, or nothing of the data set in it.
    """

    def __init__(self, folder: Path, subsets: Sequence[str]) -> None:
        from contextgen.data.imig.imig_release import PROMPTS

        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder", hint="Name the folder that `contextgen data fetch -o` wrote to.")
        folders = [folder] if (folder / PROMPTS).is_file() else [folder / name for name in subsets]
        if not any(each.is_dir() for each in folders):
            hint = f"It holds {' or '.join(subsets)}, or is a set itself, with {PROMPTS}."
            raise UsageError(f"{folder} holds no set in one of IMIG-100K's formats", hint=hint)
        self._opened = {each: _opened(each) for each in folders}
        self._whole: dict[Path, list[int]] = {}

    @property
    def records(self) -> int:
        """How many there are to look at."""
        return sum(len(opened.records) for opened in self._opened.values() if not isinstance(opened, str))

    def states(self, looked: Callable[[str], None]) -> Iterator[SetState]:
        """Set by set; `looked` is called with the name of each record."""
        for folder, opened in self._opened.items():
            name = folder.resolve().name
            if isinstance(opened, str):
                yield SetState(name, opened, folder.is_dir())
            else:
                yield self._state(name, opened, looked)

    def samples(self, count: int) -> Iterator[Sample]:
        """So many whole records, of every set alike, spread over it; after `states`."""
        sets = {folder: whole for folder, whole in self._whole.items() if whole}
        for number, (folder, whole) in enumerate(sets.items()):
            share = count // len(sets) + (number < count % len(sets))
            opened = self._opened[folder]
            assert not isinstance(opened, str)
            for place in range(min(share, len(whole))):
                yield _sample(opened, whole[place * len(whole) // min(share, len(whole))])

    def _state(self, name: str, opened: ImigSet, looked: Callable[[str], None]) -> SetState:
        from contextgen.data.imig.imig_files import files_of

        files, missing, broken = 0, list[Path](), list[Path]()
        whole = self._whole.setdefault(opened.folder, [])
        for place, record in enumerate(opened.records):
            paths = dict.fromkeys(files_of(opened, record))
            wrong = [path for path in paths if not _is_whole(path)]
            missing += [path for path in wrong if not path.is_file()]
            broken += [path for path in wrong if path.is_file()]
            files += len(paths)
            if not wrong:
                whole.append(place)
            looked(opened.name(record))
        skipped = dict(opened.skipped)
        if unused := opened.listed - len(opened.records):
            skipped["records without a reference that can be used"] = unused
        references = sum(len(record.subjects) for record in opened.records)
        counts = (len(opened.records), references, files)
        return SetState(name, None, True, *counts, tuple(missing), tuple(broken), skipped)


def _opened(folder: Path) -> ImigSet | str:
    """The set, or why there is none."""
    from contextgen.data.imig.imig_records import read_set

    if not folder.is_dir():
        return f"{folder} is not here"
    try:
        return read_set(folder)
    except (ValueError, OSError) as problem:
        return str(problem)


def _is_whole(path: Path) -> bool:
    """Whether a picture file is there and ends as one; what is in it is not looked at."""
    try:
        with open_regular(path) as file:
            file.seek(-min(_LAST, file.seek(0, 2)), 2)
            return _ENDS[path.suffix] in file.read()
    except OSError:
        return False


def _sample(source: ImigSet, place: int) -> Sample:
    import numpy as np

    from contextgen.data.imig.imig_dataset import example_of

    record = source.records[place]
    name = f"{source.folder.resolve().name}, record {record.index}"
    try:
        example = example_of(source, record, np.random.default_rng(place), _CANVAS)
    except ValueError as problem:
        return Sample(name, record.prompt, (), str(problem))
    return Sample(name, record.prompt, tuple(_pictures(example)))


def _pictures(example: Example) -> Iterator[tuple[str, Image]]:
    from PIL import ImageDraw

    boxed = example.target.copy()
    pen = ImageDraw.Draw(boxed)
    for number, instance in enumerate(example.instances):
        left, top, right, bottom = instance.box
        pen.rectangle((left, top, right - 1, bottom - 1), outline=_BOXES[number % len(_BOXES)], width=3)
    yield "target", boxed
    if example.layout is not None:
        yield "layout", example.layout
    for number, instance in enumerate(example.instances):
        picture = instance.image.convert("RGB")
        picture.putalpha(instance.mask or instance.image.getchannel("A"))
        yield f"reference {number + 1}", picture
