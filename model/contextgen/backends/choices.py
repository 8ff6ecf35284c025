"""How a picture can be computed: number formats, memory presets, processes, and the choices that decide its pixels.

No other module of ours is imported here: a command line that only shows its help reads these lists too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2}  # bytes a number
SHARED_MEMORY = ("cpu", "mps")  # devices without memory of their own beside the main one
LEAST_MEMORY_LAST = ("full", "lean", "offload", "sequential")  # presets: each keeps less on the device

NumericsType = TypeVar("NumericsType", bound="Numerics")


@dataclass(frozen=True)
class ContextParallel:
    """How several processes paint one picture: a `way` of `Capabilities.parallel`, and how many they are."""

    way: str
    processes: int

    def __str__(self) -> str:
        return f"{self.way}={self.processes}"


@dataclass(frozen=True)
class Numerics:
    """How a picture is computed, as far as it decides its pixels: one field a choice.

    A family adds its own as a subclass. Job ids and records carry `to_record`, which `from_record` reads back. What
    0.1 wrote is written as it was, so that its pictures stay known: `dtype` and other fields marked `always` under
    their names, approximations in one string, a flag only where it is set. Newer fields are left out at their default.
    """

    dtype: str = field(default="float32", metadata={"always": True, "choices": tuple(DTYPES)})

    @property
    def exact(self) -> bool:
        """Whether the picture differs from the plain one by rounding only."""
        return not self._approximations()

    def to_record(self) -> dict[str, object]:
        """As plain JSON values."""
        record = {
            each.metadata.get("key", each.name): getattr(self, each.name)
            for each in fields(self)
            if "approximates" not in each.metadata
            and (each.metadata.get("always") or getattr(self, each.name) != each.default)
        }
        return {**record, **({"approximations": self._approximations()} if not self.exact else {})}

    @classmethod
    def from_record(cls: type[NumericsType], record: Mapping[str, object]) -> NumericsType:
        """What a picture's record says of it; keys that say something else are passed over.

        Raises:
            ValueError: it was computed in a way that is not known here.
        """
        exact = {each.name: value for each in fields(cls) for value in _recorded(each, record)}
        words = str(record.get("approximations", ""))
        approximated = dict(word.partition("=")[::2] for word in words.split(" "))
        try:
            numerics = cls(**exact, **{each.name: value for each in fields(cls) for value in _read(each, approximated)})
        except ValueError as problem:
            raise ValueError(words or str(problem)) from problem
        if numerics._approximations() != words:
            raise ValueError(words)
        return numerics

    def __post_init__(self) -> None:
        for each in fields(self):
            if not _offered(each, value := getattr(self, each.name)):
                raise ValueError(f"{each.name} is one of {', '.join(each.metadata['choices'])}: {value!r}")

    def _approximations(self) -> str:
        """What was asked for that is not exact, such as `quantize=int8`."""
        return " ".join(
            f"{each.metadata['approximates'][0]}={getattr(self, each.name)}"
            for each in fields(self)
            if "approximates" in each.metadata and getattr(self, each.name) != each.default
        )


def _offered(of: Field[Any], value: object) -> bool:
    """Whether a field may have a value, if there is a list of those."""
    choices = of.metadata.get("choices")
    return choices is None or value == of.default or value in choices


def _recorded(of: Field[Any], record: Mapping[str, Any]) -> Iterator[Any]:
    """What a record has for a field that it has under a name of its own, if it has anything."""
    key = of.metadata.get("key", of.name)
    if "approximates" in of.metadata or key not in record:
        return
    value = record[key]
    if (of.default is not None and type(value) is not type(of.default)) or not _offered(of, value):
        raise ValueError(f"{key}={value}")
    yield value


def _read(of: Field[Any], approximated: Mapping[str, str]) -> Iterator[Any]:
    """What a record's approximations have for a field, if they have anything."""
    name, convert = of.metadata.get("approximates", (None, None))
    if name in approximated:
        yield convert(approximated[name])
