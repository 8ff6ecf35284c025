"""What a scene file says, as frozen values.

This is the only place where the defaults of a scene live; `schemas/scene.schema.json` repeats them for
editors and a test holds the two together. Values are resolved: paths are absolute, boxes are canvas pixels,
seeds are listed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from contextgen_cli.errors import UsageError
from contextgen_cli.scene.limits import BOX_PIXELS

FORMAT_VERSION = 1
DEFAULT_SEEDS = (0,)


class Fit(str, Enum):
    """How a reference fills its box (see `contextgen.method.layout`)."""

    AREA = "area"
    STRETCH = "stretch"
    IMAGE = "image"


class Flip(str, Enum):
    """How a reference is mirrored: `horizontal` exchanges left and right."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Box:
    """Edges in canvas pixels; fractions only where the file gave per cent or `--size` rescaled."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def pixels(self) -> tuple[int, int, int, int]:
        """The edges rounded to whole pixels: left, top, right, bottom."""
        return round(self.left), round(self.top), round(self.right), round(self.bottom)

    @property
    def covers_pixels(self) -> bool:
        """Whether a whole pixel is in it."""
        left, top, right, bottom = self.pixels
        return left < right and top < bottom

    @property
    def area(self) -> float:
        """In square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def scaled(self, x: float, y: float) -> Box:
        return Box(self.left * x, self.top * y, self.right * x, self.bottom * y)


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture of one subject. Its mask is `mask`, or else the alpha channel of `image`."""

    name: str
    image: Path
    mask: Path | None = None
    crop: Box | None = None  # pixels of the image; applied to the mask too

    @classmethod
    def of_plain(cls, name: str, values: Mapping[str, Any]) -> Reference:
        """From values as JSON has them. KeyError or TypeError if they are none."""
        crop = None if values["crop"] is None else Box(**values["crop"])
        return cls(name, Path(values["image"]), _path(values["mask"]), crop)


@dataclass(frozen=True, slots=True)
class PlacedReference:
    """One subject at one place of the canvas; the reference, mask and all, is mirrored, then turned, before it is put
    there."""

    reference: str
    box: Box
    fit: Fit = Fit.AREA
    flip: Flip | None = None
    rotate: float = 0.0  # degrees, clockwise

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> PlacedReference:
        """From values as JSON has them. KeyError, TypeError or ValueError if they are none."""
        flip = None if values.get("flip") is None else Flip(values["flip"])
        return cls(
            values["reference"], Box(**values["box"]), Fit(values["fit"]), flip, float(values.get("rotate") or 0.0)
        )

    @property
    def turn(self) -> dict[str, str | float]:
        """How it is mirrored and turned, as plain values; what it is not is not in it."""
        flip = {} if self.flip is None else {"flip": self.flip.value}
        return {**flip, **({"rotate": self.rotate} if self.rotate % 360 else {})}


@dataclass(frozen=True, slots=True)
class Sampling:
    """Denoising parameters; None leaves the choice to the model."""

    steps: int | None = None
    guidance: float | None = None


@dataclass(frozen=True, slots=True)
class SceneSource:
    """Where a scene was written: a document of a file, and the row of its `matrix` if it has one."""

    path: Path | None  # None: standard input
    document: int = 0
    matrix_row: int | None = None
    values: tuple[tuple[str, str | float], ...] = ()  # what the row has for each key of the matrix

    @property
    def digest(self) -> str | None:
        """Tells the file from others without telling where it is; None: standard input is no place."""
        return None if self.path is None else hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture's worth of a scene file, ready to become jobs (one per seed)."""

    name: str  # unique within a run; file-name safe
    prompt: str
    canvas: Size
    references: tuple[Reference, ...]  # in the file's order
    instances: tuple[PlacedReference, ...]  # back to front
    layout: Path | None = None
    seeds: tuple[int, ...] = DEFAULT_SEEDS
    sampling: Sampling = Sampling()
    model: str | None = None
    source: SceneSource = SceneSource(None)

    @classmethod
    def of_plain(
        cls, values: Mapping[str, Any], references: Iterable[Reference], source: SceneSource = SceneSource(None)
    ) -> Scene:
        """From values as JSON has them; how references are kept differs. KeyError, TypeError or ValueError if they are
        none."""
        return cls(
            name=values["name"],
            prompt=values["prompt"],
            canvas=Size(**values["canvas"]),
            references=tuple(references),
            instances=tuple(map(PlacedReference.of_plain, values["instances"])),
            layout=_path(values["layout"]),
            seeds=tuple(values["seeds"]),
            sampling=Sampling(**values["sampling"]),
            model=values["model"],
            source=source,
        )

    def reference(self, name: str) -> Reference:
        return next(reference for reference in self.references if reference.name == name)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every image file that painting the scene reads, each once."""
        used = {instance.reference for instance in self.instances}
        named = [(item.image, item.mask) for item in self.references if item.name in used]
        paths = [*(path for pair in named for path in pair), self.layout]
        return tuple(dict.fromkeys(path for path in paths if path is not None))

    def resized(self, canvas: Size) -> Scene:
        """The same scene on another canvas: boxes scale along.

        Raises:
            UsageError: a box shrinks to nothing, or grows beyond what a scene may ask for.
        """
        x, y = canvas.width / self.canvas.width, canvas.height / self.canvas.height
        instances = tuple(replace(instance, box=instance.box.scaled(x, y)) for instance in self.instances)
        for instance in instances:
            if not instance.box.covers_pixels:
                raise UsageError(f"{self.name}: on {canvas} px, a box of `{instance.reference}` shrinks to nothing")
            if instance.box.area > BOX_PIXELS:
                raise UsageError(f"{self.name}: on {canvas} px, a box of `{instance.reference}` gets too large")
        return replace(self, canvas=canvas, instances=instances)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
