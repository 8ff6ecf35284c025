"""From a document to a scene: whatever of it can be used becomes a `Draft`, a faultless draft a `Scene`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contextgen_cli.scene.parse.nodes import Key, KeyPath, Node, child, children, descendant, items
from contextgen_cli.scene.scene import (
    DEFAULT_SEEDS,
    Box,
    Fit,
    Flip,
    PlacedReference,
    Reference,
    Sampling,
    Scene,
    SceneSource,
    Size,
)

_HORIZONTAL = ("x", "width", "left", "right")
_VERTICAL = ("y", "height", "top", "bottom")


@dataclass(frozen=True)
class Draft:
    """The usable parts of a document; the rest has been reported."""

    root: Node
    folder: Path
    canvas: Size | None
    prompt: str | None
    layout: Path | None
    references: Mapping[str, Reference]
    instances: Mapping[int, PlacedReference]  # by index; the broken ones are absent
    sampling: Sampling
    seeds: tuple[int, ...] | None  # None: not given
    model: str | None
    name: str | None

    def scene(self, name: str, source: SceneSource) -> Scene:
        """The scene; only to be called where no error was reported."""
        assert self.canvas is not None and self.prompt is not None
        scene = Scene(
            name=name,
            prompt=self.prompt,
            canvas=self.canvas,
            references=tuple(self.references.values()),
            instances=tuple(self.instances.values()),
            layout=self.layout,
            sampling=self.sampling,
            model=self.model,
            source=source,
        )
        return scene if self.seeds is None else replace(scene, seeds=self.seeds)


def draft(root: Node, broken: frozenset[KeyPath], folder: Path) -> Draft:
    """Read every part that has nothing broken in it; paths become absolute, per cent become pixels."""
    return _Drafter(root, broken, folder).draft()


class _Drafter:
    def __init__(self, root: Node, broken: frozenset[KeyPath], folder: Path) -> None:
        self._root = root
        self._broken = broken
        self._around_broken = frozenset(path[:length] for path in broken for length in range(len(path)))
        self._folder = folder

    def draft(self) -> Draft:
        canvas = self._canvas()
        return Draft(
            root=self._root,
            folder=self._folder,
            canvas=canvas,
            prompt=self._text("prompt"),
            layout=self._path("layout"),
            references=self._references(),
            instances=self._instances(canvas),
            sampling=self._sampling(),
            seeds=self._seeds(),
            model=self._text("model"),
            name=self._text("name"),
        )

    def _usable(self, *path: Key) -> Node | None:
        """The node at `path`, unless it, something around it or something in it is broken."""
        if self._broken and self._is_broken(path):
            return None
        return descendant(self._root, *path)

    def _is_broken(self, path: KeyPath) -> bool:
        return path in self._around_broken or any(path[:length] in self._broken for length in range(len(path) + 1))

    def _text(self, *path: Key) -> str | None:
        node = self._usable(*path)
        return str(node.value) if node is not None else None

    def _integer(self, *path: Key) -> int | None:
        node = self._usable(*path)
        return _whole(node) if node is not None else None

    def _number(self, *path: Key) -> float | None:
        node = self._usable(*path)
        return float(str(node.value)) if node is not None else None

    def _path(self, *path: Key) -> Path | None:
        text = self._text(*path)
        return self._folder / text if text is not None else None

    def _canvas(self) -> Size | None:
        width, height = self._integer("canvas", "width"), self._integer("canvas", "height")
        return Size(width, height) if width is not None and height is not None else None

    def _references(self) -> dict[str, Reference]:
        declared = child(self._root, "references")
        found = {}
        for name in children(declared) if declared is not None else ():
            image = self._path("references", name, "image")
            if image is not None and self._usable("references", name) is not None:
                crop = self._usable("references", name, "crop")
                mask = self._path("references", name, "mask")
                found[name] = Reference(name, image, mask, box(crop) if crop is not None else None)
        return found

    def _instances(self, canvas: Size | None) -> dict[int, PlacedReference]:
        listed = child(self._root, "instances")
        if listed is None or canvas is None:
            return {}
        read = {index: self._instance(index, canvas) for index in range(len(items(listed)))}
        return {index: instance for index, instance in read.items() if instance is not None}

    def _instance(self, index: int, canvas: Size) -> PlacedReference | None:
        reference = self._text("instances", index, "reference")
        place = self._usable("instances", index, "box")
        if reference is None or place is None or self._usable("instances", index) is None:
            return None
        fit, flip = self._text("instances", index, "fit"), self._text("instances", index, "flip")
        given = {
            "fit": None if fit is None else Fit(fit),
            "flip": None if flip is None else Flip(flip),
            "rotate": self._number("instances", index, "rotate"),
        }
        chosen: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        return PlacedReference(reference, box(place, canvas), **chosen)

    def _sampling(self) -> Sampling:
        return Sampling(self._integer("sampling", "steps"), self._number("sampling", "guidance"))

    def _seeds(self) -> tuple[int, ...] | None:
        listed = self._usable("seeds")
        if listed is not None:
            return tuple(_whole(seed) for seed in items(listed))
        first, count = self._integer("seed"), self._integer("count")
        if first is None and count is None:
            return None
        first = DEFAULT_SEEDS[0] if first is None else first
        return tuple(range(first, first + (len(DEFAULT_SEEDS) if count is None else count)))


def _whole(node: Node) -> int:
    assert isinstance(node.value, (int, float))  # the schema takes 768.0 for a whole number
    return int(node.value)


def box(node: Node, canvas: Size | None = None) -> Box:
    """A box's edges; `canvas` is what per cent are of."""
    given = children(node)
    sides = {key: _pixels(given[key].value, key, canvas) for key in (*_HORIZONTAL, *_VERTICAL) if key in given}
    if "left" in sides:
        return Box(sides["left"], sides["top"], sides["right"], sides["bottom"])
    x, y = sides["x"], sides["y"]
    return Box(x, y, x + sides["width"], y + sides["height"])


def _pixels(value: object, key: str, canvas: Size | None) -> float:
    if canvas is not None and isinstance(value, str):
        whole = canvas.width if key in _HORIZONTAL else canvas.height
        return float(value.removesuffix("%")) * whole / 100
    assert isinstance(value, (int, float))
    return int(value)
