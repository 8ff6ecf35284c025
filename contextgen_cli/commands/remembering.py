"""What a picture carries of the job that painted it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from contextgen_cli import __version__
from contextgen_cli.batch.plan import NUMERICS, Job
from contextgen_cli.scene.scene import Scene
from contextgen_cli.scene.writing import to_record

RECORD_VERSION = 1
LIBRARIES = ("torch", "diffusers", "transformers", "pillow")  # whose versions may change pixels


def remember(job: Job) -> dict[str, Any]:
    """All that is needed to paint the job again, as plain JSON values; no paths of this machine."""
    recipe, scene = job.recipe, to_record(job.scene)
    names = dict(_names(job.scene, scene))
    return {
        "format": RECORD_VERSION,
        "job": job.id,
        "scene": scene,
        "seed": job.seed,
        "model": asdict(recipe.model),
        "adapter": None if recipe.adapter is None else asdict(recipe.adapter),
        "dtype": recipe.dtype,
        "attention": recipe.attention,
        "ica": recipe.ica,
        **({"approximations": recipe.approximations} if recipe.approximations else {}),
        "numerics": NUMERICS,
        "inputs": {names[path]: digest for path, digest in job.inputs},
        "versions": {"contextgen": __version__, **{name: metadata.version(name) for name in LIBRARIES}},
    }


def _names(scene: Scene, record: dict[str, Any]) -> Iterator[tuple[Path | None, str]]:
    """Each file of the scene with the path that its record has for it."""
    yield scene.layout, record["layout"]
    for reference in scene.references:
        kept = record["references"][reference.name]
        yield reference.image, kept["image"]
        yield reference.mask, kept["mask"]
