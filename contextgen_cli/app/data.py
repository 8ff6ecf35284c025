"""What `contextgen data synth` asks for -> a folder of synthetic scenes; the border to `contextgen.data`. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.errors import UsageError

if TYPE_CHECKING:
    from contextgen.data.synthetic_scenes import SyntheticScene

LEVELS = ("plain", "complex", "flexible", "mixed")
SPLITS = ("train", "held-out")
_MIXED = {"plain": 5.0, "complex": 5.0, "flexible": 1.0}  # as IMIG-100K's 50, 50 and 10 thousand
_COUNTS = {"plain": (1, 4), "complex": (2, 8), "flexible": (1, 4), "mixed": (1, 8)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A synthetic set: how many scenes, and of what kind."""

    scenes: int
    seed: int
    level: str
    width: int
    height: int
    split: str


def open_scenes(wanted: Wanted) -> Iterator[SyntheticScene]:
    """The scenes of the set, each drawn when it is asked for.

    Raises:
        UsageError: a canvas that scenes cannot be drawn for.
    """
    from contextgen.data.stream import HeldOutStream, StreamSpec, SyntheticStream

    levels = _MIXED if wanted.level == "mixed" else {wanted.level: 1.0}
    sizes = ((wanted.width, wanted.height, 1.0),)
    try:
        spec = StreamSpec(levels=levels, sizes=sizes, counts=_COUNTS[wanted.level])
    except ValueError as error:
        raise UsageError(str(error), hint="Choose another --size.") from error
    stream = (SyntheticStream if wanted.split == "train" else HeldOutStream)(wanted.seed, spec)
    return (stream.scenes(index, 1)[0] for index in range(wanted.scenes))


def write_scenes(scenes: Iterator[SyntheticScene], folder: Path, written: Callable[[str], None]) -> None:
    """Write the scenes into a folder in the format of `imig-basic`, and call `written` with the caption of each.

    Raises:
        OSError: the folder cannot be written to.
    """
    from contextgen.data.imig.imig_writing import write_basic

    def told() -> Iterator[SyntheticScene]:
        for scene in scenes:
            yield scene
            written(scene.prompt)

    write_basic(folder, told())
