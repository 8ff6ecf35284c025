"""What a picture carries of the job that painted it, and what sets one job apart from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from contextgen_cli import __version__
from contextgen_cli.records.record import NOT_NUMERICS
from contextgen_cli.scene.scene import Scene
from contextgen_cli.scene.writing import to_record

RECORD_VERSION = 1
_TURNS = ("flip", "rotate")
LIBRARIES = ("torch", "diffusers", "transformers", "pillow")  # whose versions may change pixels


def picture_record(
    job: str,
    scene: Scene,
    seed: int,
    recipe: Mapping[str, Any],
    inputs: Iterable[tuple[Path, str]],
    readings: Sequence[str] = (),
) -> dict[str, Any]:
    """All that is needed to paint a picture again, as plain JSON values; no paths of this machine.

    Args:
        job: its id.
        recipe: the weights and how they compute, as plain JSON values.
        inputs: each file that the scene names, with its SHA-256.
        readings: how files are read otherwise than by version 0.1.0.
    """
    kept = to_record(scene)
    names = dict(_names(scene, kept))
    return {
        "format": RECORD_VERSION,
        "job": job,
        "scene": kept,
        "seed": seed,
        **recipe,
        **({"readings": list(readings)} if readings else {}),
        "inputs": {names[path]: digest for path, digest in inputs},
        "versions": {"contextgen": __version__, **{name: metadata.version(name) for name in LIBRARIES}},
    }


def _names(scene: Scene, record: dict[str, Any]) -> Iterator[tuple[Path | None, str]]:
    """Each file of the scene with the path that its record has for it."""
    yield scene.layout, record["layout"]
    for reference in scene.references:
        kept = record["references"][reference.name]
        yield reference.image, kept["image"]
        yield reference.mask, kept["mask"]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What sets a job apart from the one whose record an older picture carries, in a person's words."""
    return [
        *_scene_changes(old.get("scene") or {}, new["scene"]),
        *_input_changes(old, new),
        *_recipe_changes(old, new),
    ]


def _scene_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("prompt") != new["prompt"]:
        yield "prompt"
    if old.get("canvas") != new["canvas"]:
        yield f"canvas {_size(old.get('canvas'))} -> {_size(new['canvas'])}"
    placed = [[_without(each, "reference", *_TURNS) for each in record.get("instances") or []] for record in (old, new)]
    if placed[0] != placed[1]:
        yield "boxes"
    turns = [[[each.get(key) for key in _TURNS] for each in record.get("instances") or []] for record in (old, new)]
    if len(placed[0]) == len(placed[1]) and turns[0] != turns[1]:
        yield "flip or rotate"
    before = old.get("sampling") or {}
    yield from (f"{key} {before.get(key)} -> {now}" for key, now in new["sampling"].items() if before.get(key) != now)
    if {name: value["crop"] for name, value in (old.get("references") or {}).items()} != {
        name: value["crop"] for name, value in new["references"].items()
    }:
        yield "references or crops"


def _input_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, now = old.get("inputs") or {}, new["inputs"]
    yield from (f"{name} changed" for name in now if name in before and before[name] != now[name])
    yield from (f"{name} is new" for name in now if name not in before)
    yield from (f"{name} is gone" for name in before if name not in now)
    yield from (f"pictures are {how} now" for how in new.get("readings", ()) if how not in old.get("readings", ()))


def _recipe_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for part in ("model", "adapter"):
        before, now = _several(old.get(part)), _several(new[part])
        if [_without(each, "name") for each in before] != [_without(each, "name") for each in now]:
            yield f"{part} {_weights(before)} -> {_weights(now)}"
    told = {"approximations", "compiled"}
    keys = [key for key in dict.fromkeys([*new, *old]) if key not in {*NOT_NUMERICS, *told}]
    yield from (f"{key} {old.get(key)} -> {new.get(key)}" for key in keys if old.get(key) != new.get(key))
    before, now = (record.get("approximations", "nothing") for record in (old, new))
    if before != now:
        yield f"approximated {before} -> {now}"
    if old.get("compiled", False) != new.get("compiled", False):
        yield "compiled" if new.get("compiled") else "not compiled"


def _several(record: Any) -> list[Mapping[str, Any]]:
    """A model; or none, one or several adapters."""
    return record if isinstance(record, list) else [record] if record else []


def _weights(records: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{each['name']}{_scale(each)} ({each['digest'][:8]})" for each in records) or "none"


def _scale(record: Mapping[str, Any]) -> str:
    return f"={record['scale']:g}" if "scale" in record else ""


def _size(canvas: Mapping[str, int] | None) -> str:
    return f"{canvas['width']}x{canvas['height']}" if canvas else "unknown"


def _without(record: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in keys}
