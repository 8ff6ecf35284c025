"""Scenes x seeds -> jobs, in a fixed order, each with an id that changes when its pixels would.

A plan is made before any weights load and does not depend on how many processes will work on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from contextgen_cli.errors import SceneError, UsageError
from contextgen_cli.records.record import AdapterWeights, Weights, adapters_to_record
from contextgen_cli.records.recording import picture_record
from contextgen_cli.records.regular_files import sha256_of_file
from contextgen_cli.scene.limits import LARGEST_SEED
from contextgen_cli.scene.scene import PlacedReference, Sampling, Scene, Size

NUMERICS = 1  # raised when the same job comes to other pixels


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a scene is painted: all that fixes its pixels and is not in the scene or its files.

    Attributes:
        numerics: how the weights compute, as plain JSON values, which the model's family writes and reads.
        steps, guidance: where neither the scene nor the user says; a family may have no guidance.
    """

    model: Weights
    adapters: tuple[AdapterWeights, ...]
    numerics: Mapping[str, Any]
    steps: int
    guidance: float | None

    def to_record(self) -> dict[str, Any]:
        """As a picture remembers it."""
        adapters = adapters_to_record(self.adapters)
        return {"model": asdict(self.model), "adapter": adapters, **self.numerics, "numerics": NUMERICS}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the user says in place of the scene; None leaves the scene's own."""

    seeds: tuple[int, ...] | None = None
    count: int | None = None
    steps: int | None = None
    guidance: float | None = None
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """Which jobs of all are asked for: every `shards`-th from the `shard`-th on, and of these the first `limit`.

    Jobs are counted through the whole plan before anything is known of what is done: a shard has the same jobs on
    every run over the same scenes, and all shards together have every job once.
    """

    shard: int = 1
    shards: int = 1
    limit: int | None = None

    def of(self, seeds: Sequence[int], before: int, taken: int) -> tuple[int, ...]:
        """Those of a scene's seeds that are asked for, with so many jobs before them and `taken` of these."""
        kept = seeds[(self.shard - 1 - before) % self.shards :: self.shards]
        return tuple(kept if self.limit is None else kept[: max(0, self.limit - taken)])


@dataclass(frozen=True, slots=True)
class JobCost:
    """What one picture is predicted to take."""

    tokens: int
    tflop: float
    bytes: int  # device memory at the peak


@dataclass(frozen=True)
class Job:
    """One picture to paint: a scene with every choice made, a seed, and the id of the two together.

    Attributes:
        inputs: each file the scene names, with its SHA-256.
        readings: how its files are read otherwise than by version 0.1.0.
        displaces: the pictures whose place its own takes, by their names in the output folder, with their jobs' ids.
    """

    scene: Scene
    seed: int
    id: str
    recipe: Recipe
    inputs: tuple[tuple[Path, str], ...]
    cost: JobCost
    readings: tuple[str, ...] = ()
    displaces: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.scene.name}-{self.seed}"

    @property
    def steps(self) -> int:
        return self.scene.sampling.steps or self.recipe.steps


@dataclass(frozen=True)
class Plan:
    """The jobs of one run, in order."""

    jobs: tuple[Job, ...]

    def most_expensive_first(self) -> Plan:
        """The order in which several ranks share the work, so that none is left alone with a long job at the end;
        model by model, as a rank has one open at a time."""
        models = {name: place for place, name in enumerate(dict.fromkeys(job.recipe.model for job in self.jobs))}
        return Plan(tuple(sorted(self.jobs, key=lambda job: (models[job.recipe.model], -job.cost.tflop))))

    @cached_property
    def tflop(self) -> float:
        return sum(job.cost.tflop for job in self.jobs)


EVERYTHING = Portion()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file that a scene names."""
    try:
        return sha256_of_file(path)
    except OSError as problem:
        raise SceneError(f"{path}: cannot be read: {problem.strerror}") from problem


@dataclass(frozen=True, slots=True)
class Files:
    """How the files that a scene names are known.

    Attributes:
        digest_of: the SHA-256 of one.
        readings_of: how those of a scene are read otherwise than by version 0.1.0.
    """

    digest_of: Callable[[Path], str] = sha256_of
    readings_of: Callable[[Scene], tuple[str, ...]] = lambda scene: ()


def refuse_changed(job: Job) -> None:
    """Refuse files that are no longer those that the job was planned with: its picture would carry a wrong id.

    Raises:
        SceneError: one was changed, or cannot be read any more.
    """
    for path, digest in job.inputs:
        if sha256_of(path) != digest:
            raise SceneError(
                f"{path}: was changed since the plan was made", hint="Run the same command again: it plans anew."
            )


def plan(
    scenes: Iterable[Scene],
    overrides: Overrides,
    recipe_of: Callable[[Scene], Recipe],
    cost_of: Callable[[Scene], JobCost],
    portion: Portion = EVERYTHING,
    files: Files | None = None,
) -> Plan:
    """Make the jobs: scene by scene, and within a scene seed by seed. Only what is asked for is read and priced."""
    files = files or Files()
    digests = _Digests(files.digest_of)
    jobs: list[Job] = []
    before = 0
    for scene in scenes:
        recipe = recipe_of(scene)
        chosen = choose(scene, overrides, recipe)
        seeds = portion.of(chosen.seeds, before, len(jobs))
        before += len(chosen.seeds)
        if not seeds:
            continue
        inputs = tuple((path, digests[path]) for path in chosen.files)
        cost, readings = cost_of(chosen), files.readings_of(chosen)
        determining = {**_determining(chosen, recipe, dict(inputs)), **_read_otherwise(readings)}
        for seed in seeds:
            job_id = _sha256_json({**determining, "seed": seed})
            jobs.append(Job(replace(chosen, seeds=(seed,)), seed, job_id, recipe, inputs, cost, readings))
    return Plan(tuple(jobs))


def choose(scene: Scene, overrides: Overrides, recipe: Recipe) -> Scene:
    """The scene with every choice made: the user's before the scene's before the model's.

    Raises:
        UsageError: a choice that the scene or the model cannot take.
    """
    if overrides.size is not None and overrides.size != scene.canvas:
        scene = scene.resized(overrides.size)
    if recipe.guidance is None and overrides.guidance is not None:
        raise UsageError(
            f"--guidance is not for {recipe.model.name}: it has no guidance scale", hint="Leave --guidance out."
        )
    sampling = Sampling(
        steps=_first(overrides.steps, scene.sampling.steps, recipe.steps),
        guidance=_first(overrides.guidance, scene.sampling.guidance, recipe.guidance),
    )
    return replace(scene, sampling=sampling, seeds=_seeds(scene, overrides))


def job_record(job: Job) -> dict[str, Any]:
    """What the job's picture will remember."""
    return picture_record(job.id, job.scene, job.seed, job.recipe.to_record(), job.inputs, job.readings)


def _determining(scene: Scene, recipe: Recipe, digests: Mapping[Path, str]) -> dict[str, Any]:
    """Everything that determines the pixels beside the seed; names and places of files are not part of it."""

    def digest(path: Path | None) -> str | None:
        return None if path is None else digests[path]

    def placed(instance: PlacedReference) -> dict[str, Any]:
        reference = scene.reference(instance.reference)
        crop = None if reference.crop is None else reference.crop.pixels
        image, mask = digest(reference.image), digest(reference.mask)
        place = {"box": instance.box.pixels, "fit": instance.fit.value, **instance.turn}
        return {"image": image, "mask": mask, "crop": crop, **place}

    return {
        "numerics": NUMERICS,
        "prompt": scene.prompt,
        "canvas": [scene.canvas.width, scene.canvas.height],
        "layout": digest(scene.layout),
        "instances": list(map(placed, scene.instances)),
        "steps": scene.sampling.steps,
        "guidance": scene.sampling.guidance,
        "model": recipe.model.digest,
        "adapter": _adapters(recipe.adapters),
        **recipe.numerics,
    }


def _adapters(adapters: Sequence[AdapterWeights]) -> Any:
    """What of the adapters determines pixels; a single one that counts once is its digest alone, as it ever was."""
    told = [[each.digest, each.scale, each.strength] for each in adapters]
    plain = len(told) == 1 and told[0][1:] == [1.0, ""]
    return (told[0][0] if plain else told) if told else None


def _read_otherwise(readings: Sequence[str]) -> dict[str, Any]:
    """Where version 0.1.0 read the same files as other pixels, the job is another; else its id is as it was."""
    return {"readings": readings} if readings else {}


class _Digests(dict[Path, str]):
    """Digests of files by path, each asked for once."""

    def __init__(self, digest_of: Callable[[Path], str]) -> None:
        self._digest_of = digest_of

    def __missing__(self, path: Path) -> str:
        self[path] = self._digest_of(path)
        return self[path]


def _sha256_json(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _seeds(scene: Scene, overrides: Overrides) -> tuple[int, ...]:
    seeds = scene.seeds if overrides.seeds is None else overrides.seeds
    if overrides.count is None:
        return seeds
    if seeds[0] + overrides.count - 1 > LARGEST_SEED:
        raise UsageError(f"{scene.name}: the last of {overrides.count} seeds from {seeds[0]} is above {LARGEST_SEED}")
    return tuple(range(seeds[0], seeds[0] + overrides.count))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
