"""A picture's record, read back: the scene, how it was painted, and what its inputs were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextgen_cli.errors import UsageError
from contextgen_cli.scene.scene import Scene
from contextgen_cli.scene.writing import from_record

_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
NOT_NUMERICS = frozenset(("format", "job", "scene", "seed", "model", "adapter", "inputs", "readings", "versions"))


@dataclass(frozen=True, slots=True)
class Weights:
    """A model or adapter by name and by content; the name is never a machine's path."""

    name: str
    digest: str


@dataclass(frozen=True)
class PictureRecord:
    """What a picture remembers.

    Attributes:
        scene: its paths are as recorded: relative to the folder of its scene file.
        numerics: how it was computed, as the model's family writes it.
        inputs: SHA-256 by recorded path.
    """

    job: str
    scene: Scene
    seed: int
    model: Weights
    adapter: Weights | None
    numerics: Mapping[str, Any]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def computed(self) -> str:
        """How it was computed, in words."""
        bare = {"dtype", "approximations"}  # whose values say enough
        words = [
            name if value is True else str(value) if name in bare else f"{name} {value}"
            for name, value in self.numerics.items()
        ]
        return ", ".join(words)

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


def _understood(record: Mapping[str, Any]) -> PictureRecord:
    adapter = record["adapter"]
    understood = PictureRecord(
        job=str(record["job"]),
        scene=from_record(record["scene"]),
        seed=int(record["seed"]),
        model=_weights(record["model"]),
        adapter=_weights(adapter) if adapter else None,
        numerics={"dtype": str(record["dtype"]), **_numerics(record)},
        inputs={str(name): str(digest) for name, digest in record["inputs"].items()},
        versions={str(name): str(version) for name, version in record["versions"].items()},
    )
    _check(understood)
    return understood


def _weights(record: Mapping[str, str]) -> Weights:
    return Weights(str(record["name"]), str(record["digest"]))


def _numerics(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of how its picture was computed, in a fixed order; its JSON is sorted by name."""
    found = {name: value for name, value in record.items() if name not in (*NOT_NUMERICS, "numerics")}
    last = ("approximations", "compiled")
    return dict(sorted(found.items(), key=lambda item: (last.index(item[0]) + 1 if item[0] in last else 0, item[0])))


def _check(record: PictureRecord) -> None:
    """Raise what a record raises that only looks like one: by then nobody expects it."""
    scene = record.scene
    if not (isinstance(scene.name, str) and isinstance(scene.prompt, str)):
        raise TypeError("name and prompt are text")
    if min(scene.canvas.width, scene.canvas.height) < 1:
        raise ValueError(f"a canvas of {scene.canvas}")
    for instance in scene.instances:
        scene_has = {reference.name for reference in scene.references}
        if instance.reference not in scene_has or not instance.box.covers_pixels:
            raise ValueError(f"an instance of {instance.reference} at {instance.box}")
    for path in scene.files:
        record.digest(path)
