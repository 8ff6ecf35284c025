"""Finds the files that a picture was painted from, by what is in them.

A record says where a file was, relative to the folder of its scene file, and its SHA-256. Where the scene file was
it does not say: so the same relative place is tried in and one folder below each base. A file that is elsewhere is
found by its content below the folders that the user names. What is found always has the digest that is remembered.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from contextgen_cli.records.regular_files import sha256_of_file
from contextgen_cli.scene.scene import Reference, Scene

_IMAGES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"))
_LARGEST_FILE = 1 << 30  # bytes; the largest reference that is read has half as many, uncompressed


@dataclass(frozen=True, slots=True)
class Found:
    """A remembered file: where it is now, or the file of its name that is another one now; neither: it is gone."""

    name: str
    path: Path | None = None
    changed: Path | None = None

    @property
    def complaint(self) -> str:
        """Why it is not there, in words."""
        return f"{self.name} is missing" if self.changed is None else f"{self.name} was changed since ({self.changed})"


class Finder:
    """Looks for files near `bases` by their recorded place, and anywhere in `searched` by their content."""

    def __init__(self, bases: Iterable[Path], searched: Sequence[Path] = ()) -> None:
        self._bases = list(dict.fromkeys([*searched, *bases]))
        self._searched = searched
        self._digests: dict[Path, str | None] = {}
        self._found: dict[tuple[str, str], Found] = {}

    def find(self, name: str, digest: str) -> Found:
        """The file of that name and SHA-256."""
        if (name, digest) not in self._found:
            self._found[name, digest] = self._look(name, digest)
        return self._found[name, digest]

    def locate(self, scene: Scene, digests: Mapping[str, str]) -> tuple[Scene, list[Found]]:
        """The scene with the paths of its files as they are now, and what of them is not there."""
        found = {path: self.find(path.as_posix(), digests[path.as_posix()]) for path in scene.files}
        lost = [each for each in found.values() if each.path is None]

        def now(path: Path) -> Path:
            return found[path].path or path if path in found else path

        def moved(reference: Reference) -> Reference:
            mask = None if reference.mask is None else now(reference.mask)
            return replace(reference, image=now(reference.image), mask=mask)

        references = tuple(moved(reference) for reference in scene.references)
        layout = None if scene.layout is None else now(scene.layout)
        return replace(scene, references=references, layout=layout), lost

    def _look(self, name: str, digest: str) -> Found:
        other = None
        for path in self._candidates(name):
            if (content := self._digest(path)) == digest:
                return Found(name, path)
            other = other or (path if content is not None else None)
        return Found(name, self._by_content.get(digest), other)

    def _candidates(self, name: str) -> Iterator[Path]:
        for base in self._bases:
            yield base / name
        for folder in self._below:
            yield folder / name

    @cached_property
    def _below(self) -> list[Path]:
        """The folders in the bases, where scene files mostly lie."""
        found = (path for base in self._bases for path in _content(base))
        return [path for path in found if not path.name.startswith(".") and path.is_dir()]

    @cached_property
    def _by_content(self) -> dict[str, Path]:
        """Every image below the searched folders by its SHA-256; read only if a file is not where it was."""
        images = [path for folder in self._searched for path in folder.rglob("*") if path.suffix.lower() in _IMAGES]
        digests = ((self._digest(path), path) for path in sorted(images, reverse=True))
        return {digest: path for digest, path in digests if digest}

    def _digest(self, path: Path) -> str | None:
        """The SHA-256 of a regular file, empty for one that is too large for an image; None where there is none."""
        if path not in self._digests:
            try:
                self._digests[path] = sha256_of_file(path, _LARGEST_FILE)
            except OSError as problem:
                self._digests[path] = "" if problem.errno == errno.EFBIG else None
        return self._digests[path]


def _content(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # none, or not ours to look into
        return []


def finder(near: Iterable[Path], searched: Sequence[Path] = ()) -> Finder:
    """Look where people have their scenes: beside what was painted, one folder above it, and here."""
    places = [place for folder in dict.fromkeys(near) for place in (folder, folder.parent)]
    return Finder([*places, Path()], searched)
