"""JSON values read key by key, each with the type and the limits that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object read key by key; every method raises ValueError with the key that is not as it must be.

    Attributes:
        place: how the object itself is called, such as `scene.canvas`; empty for the whole.
    """

    values: Mapping[str, Any]
    place: str = ""

    @classmethod
    def of(cls, value: object, place: str = "") -> Fields:
        """A value that must be an object."""
        if not isinstance(value, Mapping):
            raise ValueError(f"`{place}` is no object" if place else "no object")
        return cls(value, place)

    def has(self, key: str) -> bool:
        """Whether there is something but null."""
        return self.values.get(key) is not None

    def get(self, key: str) -> Any:
        """Whatever it is."""
        if key not in self.values:
            raise ValueError(f"`{self.name(key)}` is missing")
        return self.values[key]

    def text(self, key: str, longest: int) -> str:
        """A text of so many characters at most."""
        value = self.get(key)
        if not isinstance(value, str):
            raise ValueError(f"`{self.name(key)}` is no text")
        if len(value) > longest:
            raise ValueError(f"`{self.name(key)}` is longer than {longest} characters")
        return value

    def whole(self, key: str, least: int, most: int) -> int:
        """A whole number within limits."""
        value = self.get(key)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"`{self.name(key)}` is no whole number from {least} to {most}")
        return value

    def number(self, key: str, least: float, most: float) -> float:
        """A number within limits, kept as it is written: whole or not."""
        value: float = self.get(key)
        if type(value) not in (int, float) or not least <= value <= most:
            raise ValueError(f"`{self.name(key)}` is no number from {least:g} to {most:g}")
        return value

    def object(self, key: str) -> Fields:
        """An object."""
        return Fields.of(self.get(key), self.name(key))

    def objects(self, key: str, most: int) -> list[Fields]:
        """A list of so many objects at most."""
        value = self.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"`{self.name(key)}` is no list of {most} at most")
        return [Fields.of(each, f"{self.name(key)}[{index}]") for index, each in enumerate(value)]

    def texts(self, key: str, longest: int) -> dict[str, str]:
        """An object of texts."""
        inner = self.object(key)
        return {name: inner.text(name, longest) for name in inner.values}

    def name(self, key: str) -> str:
        """How a key is called from outside: `scene.canvas.width`."""
        return f"{self.place}.{key}" if self.place else key
