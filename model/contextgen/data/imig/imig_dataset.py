"""Examples from sets in IMIG-100K's folder formats (paper, section 4.1), as training takes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from contextgen.data.example import Example
from contextgen.data.imig.imig_records import Box, ImigPicture, ImigSet, Record, Subject, View, read_set
from contextgen.method.layout import Instance
from contextgen.method.placement import Edges

_ROUNDING = 1.0  # pixels by which a box may lie outside its picture

Size = tuple[int, int]  # width, height


class ImigFolders:
    """Examples of several sets in proportion to their weights. Implements `contextgen.data.example.ExampleSource`.

    The order is shuffled anew for every pass, by the seed alone. One set is passed through record by record; where
    several are mixed, each position of a pass shows one of them, so that a pass leaves some records to the next.

    Args:
        folders: path and weight of each set; IMIG-100K was mixed 15 : 1, basic and complex : composites.
        seed: of order and choices.
        width, height: of the canvas in pixels; targets are resized to it and boxes scaled along.
        kontext_probability: how often the edited reference is given instead of the crop, where there is one.
        face_probability: how often the aligned face is given instead of the body, where there is one.

    Raises:
        ValueError: a folder holds no such set, or its `filtered_prompts.json` is broken; said with file and record.
    """

    def __init__(
        self,
        folders: Sequence[tuple[Path, float]],
        seed: int,
        width: int,
        height: int,
        kontext_probability: float = 0.5,
        face_probability: float = 0.75,
    ) -> None:
        if not folders or any(weight <= 0 for _, weight in folders):
            raise ValueError("give at least one data set, and each a positive weight")
        self._sets = [read_set(Path(path)) for path, _ in folders]
        total = sum(weight for _, weight in folders)
        self._shares = [weight / total for _, weight in folders]
        self._seed = seed
        self._canvas = (width, height)
        self._chances = {False: kontext_probability, True: face_probability}  # by ImigSet.has_faces

    def batch(self, index: int, size: int) -> list[Example]:
        """The `size` examples of batch `index`, all of the canvas' size.

        Raises:
            ValueError: a picture is missing or broken, or a box lies outside of it; said with file and record.
        """
        return [self._example(index * size + number) for number in range(size)]

    def _example(self, position: int) -> Example:
        rng = np.random.default_rng([self._seed, position])
        which = int(rng.choice(len(self._sets), p=self._shares))
        chosen = self._sets[which]
        epoch, place = divmod(position, len(chosen.records))
        record = chosen.records[_order(self._seed, which, epoch, len(chosen.records))[place]]
        views = [_chosen(subject, rng.random() < self._chances[chosen.has_faces]) for subject in record.subjects]
        return _example(chosen, record, views, self._canvas)


@lru_cache(maxsize=16)
def _order(seed: int, which: int, epoch: int, count: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng([seed, which, epoch]).permutation(count).tolist())


def _chosen(subject: Subject, otherwise: bool) -> View:
    other = subject.other
    return other if otherwise and other and (other.picture.stated or other.picture.image.is_file()) else subject.own


def _example(source: ImigSet, record: Record, views: Sequence[View], canvas: Size) -> Example:
    name = f"{source.folder}: record {record.index}"
    target = _opened(record.target, name).convert("RGB")
    try:
        boxes = [_scaled(view.box, target.size, canvas) for view in views]
        instances = tuple(_instance(view.picture, box, name) for view, box in zip(views, boxes, strict=True))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return Example(name, record.prompt, target.resize(canvas, Image.Resampling.LANCZOS), instances)


def _instance(picture: ImigPicture, box: Edges, name: str) -> Instance:
    image = _opened(picture.image, name)
    mask = None if picture.mask is None else _opened(picture.mask, name).convert("L")
    if picture.crop is not None:
        part = _inside(picture.crop, image.size)
        image, mask = image.crop(part), None if mask is None else mask.crop(part)
    return Instance(image, mask, box)


def _opened(path: Path, name: str) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()  # and closes the file
    except FileNotFoundError:
        raise ValueError(f"{name}: {path} is missing: fetch the set again, or remove the record") from None
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name}: {path} cannot be read: {error}") from error
    return image


def _scaled(box: Box, size: Size, canvas: Size) -> Edges:
    """A box of the target on the canvas, in whole pixels, at least one a side."""
    left, top, right, bottom = _inside(box, size)
    across, down = canvas[0] / size[0], canvas[1] / size[1]
    x, y = min(round(left * across), canvas[0] - 1), min(round(top * down), canvas[1] - 1)
    return x, y, max(x + 1, round(right * across)), max(y + 1, round(bottom * down))


def _inside(box: Box, size: Size) -> Edges:
    """A box in whole pixels of its picture.

    Raises:
        ValueError: it sticks out by more than a rounding.
    """
    left, top, right, bottom = box
    if min(left, top) < -_ROUNDING or right > size[0] + _ROUNDING or bottom > size[1] + _ROUNDING:
        raise ValueError(f"the box {list(box)} lies outside its picture of {size[0]} x {size[1]} pixels")
    x, y = min(max(0, round(left)), size[0] - 1), min(max(0, round(top)), size[1] - 1)
    return x, y, max(x + 1, min(round(right), size[0])), max(y + 1, min(round(bottom), size[1]))
