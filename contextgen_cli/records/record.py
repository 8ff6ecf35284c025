"""A picture's record, read back: the scene, how it was painted, and what its inputs were."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from contextgen_cli.errors import UsageError
from contextgen_cli.records.json_fields import Fields
from contextgen_cli.records.recorded_scene import recorded_scene
from contextgen_cli.scene.limits import LARGEST_SEED
from contextgen_cli.scene.scene import Scene

_UNREADABLE = (KeyError, TypeError, ValueError)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_ADAPTERS = 64
_LONGEST = 4096  # characters of a name, a digest, a version
NOT_NUMERICS = frozenset(("format", "job", "scene", "seed", "model", "adapter", "inputs", "readings", "versions"))


@dataclass(frozen=True, slots=True)
class Weights:
    """A model or adapter by name and by content; the name is never a machine's path."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class AdapterWeights(Weights):
    """An adapter, and how strongly it was put on.

    Attributes:
        scale: how many times its update counts.
        strength: a digest of the scale of its layers, where version 0.1.0 read its own statement otherwise; else empty.
    """

    scale: float = 1.0
    strength: str = ""

    @property
    def called(self) -> str:
        """Its name and scale, as `--adapter` takes them."""
        return self.name if self.scale == 1 else f"{self.name}={self.scale:g}"

    def to_record(self) -> dict[str, Any]:
        """As plain JSON values; what is as it ever was is left out, as it was then."""
        stated = {"scale": self.scale} if self.scale != 1 else {}
        return {"name": self.name, "digest": self.digest, **stated, **self.reading}

    @property
    def reading(self) -> dict[str, str]:
        return {"strength": self.strength} if self.strength else {}


def adapters_to_record(adapters: Sequence[AdapterWeights]) -> dict[str, Any] | list[dict[str, Any]] | None:
    """None, one or several, as a record has them; a single one is as earlier versions wrote it."""
    if len(adapters) > 1:
        return [adapter.to_record() for adapter in adapters]
    return adapters[0].to_record() if adapters else None


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
    adapters: tuple[AdapterWeights, ...]
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


def parse_record(record: Mapping[str, Any], picture: Path, dtypes: Collection[str]) -> PictureRecord:
    """The record of `picture`, understood; `dtypes` are the number formats that are known.

    Raises:
        UsageError: it is of another version, or none of ours.
    """
    try:
        return _understood(Fields(record), dtypes)
    except _UNREADABLE as problem:
        raise UsageError(
            f"{picture}: its record cannot be read: {problem}",
            hint="It may come from another version of contextgen; `contextgen inspect --json` shows it as it is.",
        ) from problem


def _understood(record: Fields, dtypes: Collection[str]) -> PictureRecord:
    scene = recorded_scene(record.object("scene"))
    inputs = record.texts("inputs", _LONGEST)
    for path in scene.files:
        if not _SHA256.fullmatch(inputs.get(path.as_posix(), "")):
            raise ValueError(f"`inputs` has no SHA-256 of {path.as_posix()}")
    readings = record.values.get("readings", [])
    if not isinstance(readings, list) or not all(isinstance(how, str) for how in readings):
        raise ValueError("`readings` is no list of texts")
    if (dtype := record.text("dtype", _LONGEST)) not in dtypes:
        raise ValueError(f"`dtype` is none of {', '.join(dtypes)}: {dtype!r}")
    return PictureRecord(
        job=record.text("job", _LONGEST),
        scene=scene,
        seed=record.whole("seed", 0, LARGEST_SEED),
        model=_weights(record.object("model")),
        adapters=tuple(map(_adapter, _one_or_several(record, "adapter"))),
        numerics={"dtype": dtype, **_numerics(record.values)},
        inputs=inputs,
        versions=record.texts("versions", _LONGEST),
    )


def _weights(record: Fields) -> Weights:
    name = record.text("name", _LONGEST)
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ValueError(f"`{record.name('name')}` is a path")
    return Weights(name, record.text("digest", _LONGEST))


def _one_or_several(record: Fields, key: str) -> list[Fields]:
    if not record.has(key):
        return []
    return record.objects(key, _MOST_ADAPTERS) if isinstance(record.get(key), list) else [record.object(key)]


def _adapter(record: Fields) -> AdapterWeights:
    weights, values = _weights(record), record.values
    scale, strength = values.get("scale", 1.0), values.get("strength", "")
    if type(scale) not in (int, float) or not math.isfinite(scale):
        raise ValueError(f"`{record.name('scale')}` is no number")
    if not isinstance(strength, str) or len(strength) > _LONGEST:
        raise ValueError(f"`{record.name('strength')}` is no text")
    return AdapterWeights(weights.name, weights.digest, float(scale), strength)


def _numerics(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of how its picture was computed, in a fixed order; its JSON is sorted by name."""
    found = {name: value for name, value in record.items() if name not in (*NOT_NUMERICS, "numerics")}
    for name, value in found.items():
        if isinstance(value, dict | list):
            raise ValueError(f"`{name}` is no single value")
    last = ("approximations", "compiled")
    return dict(sorted(found.items(), key=lambda item: (last.index(item[0]) + 1 if item[0] in last else 0, item[0])))
