"""Examples from sets in IMIG-100K's folder formats (paper, section 4.1), as training takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from contextgen.data.example import Example
from contextgen.data.imig import imig_files
from contextgen.data.imig.imig_layout import training_layout
from contextgen.data.imig.imig_pieces import Frame, Piece, Size, composed_piece, cut_piece, opened
from contextgen.data.imig.imig_records import CutSubject, ImigSet, Record, read_set
from contextgen.method.placement import Edges

Side = tuple[Path | Sequence[Path], float]  # the sets of one side of a mix, and its weight


class ImigFolders:
    """Examples of sets mixed by weight. Implements `contextgen.data.example.ExampleSource`.

    The mix is drawn once: the side that is smallest for its weight is used whole, of the others as many records as the
    weights say, none twice. Every pass shows each of these records once, in an order of its own. All that is random
    follows from the seed.

    Args:
        sides: folders and weight of each; IMIG-100K was mixed 15 : 1, basic and complex : both composites.
        seed: of the mix, the order and the choices.
        width, height: of the canvas in pixels; targets are resized to it and boxes scaled along.
        kontext_probability: how often the edited reference is given instead of the crop, where there is one.
        face_probability: how often the aligned face is given instead of the body, where there are both.

    Attributes:
        notes: what was taken of each side, and what was skipped.

    Raises:
        ValueError: a folder holds no such set, or its `filtered_prompts.json` is broken; said with file and record.
    """

    def __init__(
        self,
        sides: Sequence[Side],
        seed: int,
        width: int,
        height: int,
        kontext_probability: float = 0.5,
        face_probability: float = 0.75,
    ) -> None:
        if not sides or any(weight <= 0 for _, weight in sides):
            raise ValueError("give at least one data set, and each a positive weight")
        read = [[read_set(Path(path)) for path in _listed(paths)] for paths, _ in sides]
        sizes = [sum(len(source.records) for source in side) for side in read]
        taken = _taken(sizes, [weight for _, weight in sides])
        self._sets = [source for side in read for source in side]
        self._entries = _mixed(read, taken, seed)
        self._seed, self._canvas = seed, (width, height)
        self._chances = kontext_probability, face_probability
        self.notes = tuple(_notes(read, sizes, taken))

    def __len__(self) -> int:
        """How many records a pass has."""
        return len(self._entries)

    def batch(self, index: int, size: int) -> list[Example]:
        """The `size` examples of batch `index`, all of the canvas' size.

        Raises:
            ValueError: a picture is missing or broken, or a box lies outside of it; said with file and record.
        """
        return [self._example(index * size + number) for number in range(size)]

    def _example(self, position: int) -> Example:
        epoch, place = divmod(position, len(self))
        which, number = self._entries[_order(self._seed, epoch, len(self))[place]]
        source = self._sets[which]
        rng = np.random.default_rng([self._seed, position])
        return example_of(source, source.records[number], rng, self._canvas, self._chances)


def example_of(
    source: ImigSet, record: Record, rng: np.random.Generator, canvas: Size, chances: tuple[float, float] = (0.5, 0.75)
) -> Example:
    """A record as training takes it.

    Args:
        canvas: width and height in pixels.
        chances: of the edited reference instead of the crop, of the aligned face instead of the body.

    Raises:
        ValueError: a picture is missing or broken, or a box lies outside of it; said with file and record.
    """
    try:
        original = opened(imig_files.target(source, record)).convert("RGB")
        pieces = list(_pieces(source, record, rng, Frame(original.size, canvas), chances))
        order = _back_to_front([piece.instance.box for piece in pieces], rng)
        target = original.resize(canvas, Image.Resampling.BICUBIC)
        layout = training_layout(target, original.size, [pieces[number] for number in order])
    except ValueError as error:
        raise ValueError(f"{source.name(record)}: {error}") from error
    instances = tuple(piece.instance for piece in pieces)
    return Example(source.name(record), record.prompt, target, instances, layout, needs_prompt=source.is_composite)


def _pieces(
    source: ImigSet, record: Record, rng: np.random.Generator, frame: Frame, chances: tuple[float, float]
) -> Iterator[Piece]:
    edited, face = chances
    for subject in record.subjects:
        if isinstance(subject, CutSubject):
            yield cut_piece(source, record, subject, frame, take_edited=rng.random() < edited)
        else:
            yield composed_piece(source, record, subject, frame, take_face=rng.random() < face)


def _back_to_front(boxes: Sequence[Edges], rng: np.random.Generator) -> list[int]:
    """What contains other boxes lies behind, the more the further; the others as chance has it."""
    chance = rng.random(len(boxes))
    held = [sum(_contains(box, other) for other in boxes) for box in boxes]
    return sorted(range(len(boxes)), key=lambda number: (-held[number], chance[number]))


def _contains(box: Edges, other: Edges) -> bool:
    within = box[0] <= other[0] and box[1] <= other[1] and other[2] <= box[2] and other[3] <= box[3]
    return within and box != other


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, epoch, count]).permutation(count)


def _listed(paths: Path | Sequence[Path]) -> Sequence[Path]:
    return [Path(paths)] if isinstance(paths, str | Path) else paths


def _taken(sizes: Sequence[int], weights: Sequence[float]) -> list[int]:
    """How many records of each side: in proportion to the weights, and of one side all."""
    share = min(size / weight for size, weight in zip(sizes, weights, strict=True))
    return [min(size, max(1, round(share * weight))) for size, weight in zip(sizes, weights, strict=True)]


def _mixed(sides: Sequence[Sequence[ImigSet]], taken: Sequence[int], seed: int) -> list[tuple[int, int]]:
    """The records that are used, each as the number of its set, all sides counted through, and its place there."""
    entries: list[tuple[int, int]] = []
    first = 0
    for number, (side, count) in enumerate(zip(sides, taken, strict=True)):
        pool = [(first + which, place) for which, source in enumerate(side) for place in range(len(source.records))]
        chosen = np.random.default_rng([seed, number]).permutation(len(pool))[:count]
        entries += [pool[place] for place in sorted(chosen)]
        first += len(side)
    return entries


def _notes(sides: Sequence[Sequence[ImigSet]], sizes: Sequence[int], taken: Sequence[int]) -> Iterator[str]:
    for side, size, count in zip(sides, sizes, taken, strict=True):
        names = ", ".join(source.folder.name for source in side)
        yield f"{names}: {f'{count:,} of ' if count < size else ''}{size:,} records"
    for source in (source for side in sides for source in side):
        if unused := source.listed - len(source.records):
            yield f"{source.folder.name}: {unused:,} of {source.listed:,} records have no reference that can be used"
        for reason, count in source.skipped.items():
            yield f"{source.folder.name}: skipped {count:,} {reason}"
