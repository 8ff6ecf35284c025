"""A picture's record, read back: the scene, how it was painted, and what its inputs were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextgen_cli.batch.plan import Weights
from contextgen_cli.errors import UsageError
from contextgen_cli.records.output import read_record
from contextgen_cli.scene.scene import Scene
from contextgen_cli.scene.writing import from_record

_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


@dataclass(frozen=True)
class PictureRecord:
    """What a picture remembers. The scene's paths are as recorded: relative to the folder of its scene file."""

    job: str
    scene: Scene
    seed: int
    model: Weights
    adapter: Weights | None
    dtype: str
    attention: str
    ica: str
    inputs: Mapping[str, str]  # SHA-256 by recorded path
    versions: Mapping[str, str]
    approximations: str = ""  # what was not exact, as the recipe has it
    compiled: bool = False

    @property
    def numerics(self) -> str:
        """How it was computed, in words."""
        words = [self.dtype, f"attention {self.attention}", f"ica {self.ica}", self.approximations]
        return ", ".join(word for word in [*words, "compiled" * self.compiled] if word)

    def digest(self, path: Path) -> str:
        """The SHA-256 that a file of the scene had."""
        return self.inputs[path.as_posix()]


def parse_record(record: Mapping[str, Any], picture: Path) -> PictureRecord:
    """The record of `picture`, understood.

    Raises:
        UsageError: it is of another version, or none of ours.
    """
    try:
        return _understood(record)
    except _UNREADABLE as problem:
        raise UsageError(
            f"{picture}: its record cannot be read: {problem!r}",
            hint="It may come from another version of contextgen; `contextgen inspect --json` shows it as it is.",
        ) from problem


def remembered_by(picture: Path) -> PictureRecord:
    """What `picture` remembers.

    Raises:
        UsageError: there is no such picture, it remembers nothing, or nothing that can be read.
    """
    return parse_record(read_record(picture), picture)


def _understood(record: Mapping[str, Any]) -> PictureRecord:
    adapter = record["adapter"]
    scene = from_record(record["scene"])
    remembered = PictureRecord(
        job=str(record["job"]),
        scene=scene,
        seed=int(record["seed"]),
        model=_weights(record["model"]),
        adapter=_weights(adapter) if adapter else None,
        dtype=str(record["dtype"]),
        attention=str(record["attention"]),
        ica=str(record["ica"]),
        inputs={str(name): str(digest) for name, digest in record["inputs"].items()},
        versions={str(name): str(version) for name, version in record["versions"].items()},
        approximations=str(record.get("approximations", "")),
        compiled=bool(record.get("compiled", False)),
    )
    _check(remembered)
    return remembered


def _weights(record: Mapping[str, str]) -> Weights:
    return Weights(str(record["name"]), str(record["digest"]))


def _check(remembered: PictureRecord) -> None:
    """Raise what a record raises that only looks like one: by then nobody expects it."""
    scene = remembered.scene
    if not (isinstance(scene.name, str) and isinstance(scene.prompt, str)):
        raise TypeError("name and prompt are text")
    if min(scene.canvas.width, scene.canvas.height) < 1:
        raise ValueError(f"a canvas of {scene.canvas}")
    for instance in scene.instances:
        scene_has = {reference.name for reference in scene.references}
        if instance.reference not in scene_has or not instance.box.covers_pixels:
            raise ValueError(f"an instance of {instance.reference} at {instance.box}")
    for path in scene.files:
        remembered.digest(path)
