"""Output folders as a run leaves them, made without a model."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from painting import write_scene
from PIL import Image

from contextgen_cli.batch import ledger
from contextgen_cli.batch.plan import Job, JobCost, Recipe, Weights, job_record
from contextgen_cli.records.output import encode, write
from contextgen_cli.records.record import AdapterWeights
from contextgen_cli.scene.loader import LoadOptions, load

RECIPE = Recipe(Weights("mini", "5e" * 32), (), {"dtype": "float32", "attention": "exact", "ica": "released"}, 4, 2.5)
OTHER_RECIPE = replace(
    RECIPE, model=Weights("tiny-kontext", "aa" * 32), adapters=(AdapterWeights("adapter", "bb" * 32),)
)


def paint(
    folder: Path,
    name: str,
    seed: int = 0,
    recipe: Recipe = RECIPE,
    prompt: str = "a crab is holding a bag",
    **changes: Any,
) -> Job:
    """Put a picture into `folder`, painted from a scene beside it in `scenes`, and return its job.

    `changes` replace keys of the scene file.
    """
    path = write_scene(folder.parent / "scenes" / f"{name}.yaml", **changes)
    (scene,) = load([str(path)], LoadOptions(deep=False, models=("mini",))).scenes
    inputs = tuple((file, hashlib.sha256(file.read_bytes()).hexdigest()) for file in scene.files)
    job_id = hashlib.sha256(f"{name}-{seed}".encode()).hexdigest()
    job = Job(replace(scene, prompt=prompt, seeds=(seed,)), seed, job_id, recipe, inputs, JobCost(1, 1.0, 1))
    colour = Image.new("RGB", (scene.canvas.width, scene.canvas.height), (40 * seed % 256, 120, 160))
    write(folder / f"{job.name}.png", encode(colour, job_record(job)))
    return job


def attempt(job: Job, outcome: str = ledger.RENDERED, **fields: Any) -> ledger.Attempt:
    """What the ledger has of a job."""
    file = f"{job.name}.png" if outcome == ledger.RENDERED else None
    said = {"file": file, "seconds": 1.5, "peak_bytes": 1 << 30, "host": "node-1", "at": "2026-02-03T04:05:06Z"}
    return ledger.Attempt(job=job.id, scene=job.scene.name, seed=job.seed, outcome=outcome, **{**said, **fields})


def made_up(scene: str, seed: int, outcome: str, message: str, kind: str = "DeviceError") -> ledger.Attempt:
    """An attempt that left no picture."""
    job = hashlib.sha256(f"{scene}-{seed}".encode()).hexdigest()
    reason = ledger.Reason(kind, message, "Try --memory offload.")
    return ledger.Attempt(job, scene, seed, outcome, at="2026-02-03T05:00:00Z", host="node-1", error=reason)
