"""Jobs and events as JSON, for the way from one host to another: what arrives is data, never code (no pickles), and is
held against what a plan can hold before anybody acts on it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.plan import Job, JobCost, Recipe
from contextgen_cli.batch.worker import Outcome, Status
from contextgen_cli.errors import DeviceError, EnvironmentProblem, OutputError, WeightsError
from contextgen_cli.records.foreign_json import parse_object
from contextgen_cli.records.record import AdapterWeights, Weights
from contextgen_cli.scene.limits import LARGEST_SEED, LARGEST_SIDE, LARGEST_STEPS
from contextgen_cli.scene.scene import Reference, Scene, SceneSource

_NAME = re.compile(r"\w[\w.-]{0,199}")  # of a scene, as `contextgen_cli.scene.naming` makes them
_PICTURE, _ID = re.compile(r"\w[\w.-]{0,250}\.png"), re.compile(r"\w{8,255}")
_PROBLEMS = {kind.__name__: kind for kind in (EnvironmentProblem, WeightsError, DeviceError, OutputError)}


@dataclass(frozen=True)
class Event:
    """Something that a rank has to tell; `position` is the job's in the plan."""

    kind: str  # ready | taken | put back | opening | started | step | finished | noticed | problem
    rank: int
    position: int = -1
    step: int = 0
    outcome: Outcome | None = None
    text: str = ""
    problem: EnvironmentProblem | None = None


def job_to_json(job: Job) -> bytes:
    return json.dumps(asdict(job), default=str).encode()


def job_from_json(data: bytes) -> Job:
    """A job that another host planned.

    Raises:
        ValueError, TypeError or KeyError: it is none, or one that no plan makes.
    """
    job = _job(parse_object(data))
    if not _NAME.fullmatch(job.scene.name):
        raise ValueError(f"the name {job.scene.name!r}")
    if not (0 <= job.seed <= LARGEST_SEED and 1 <= job.steps <= LARGEST_STEPS):
        raise ValueError(f"seed {job.seed}, {job.steps} steps")
    if not all(1 <= side <= LARGEST_SIDE for side in (job.scene.canvas.width, job.scene.canvas.height)):
        raise ValueError(f"a canvas of {job.scene.canvas}")
    if unplanned := set(job.scene.files) - {path for path, _ in job.inputs}:
        raise ValueError(f"{min(unplanned)} is none of its inputs")
    if not all(_PICTURE.fullmatch(name) and _ID.fullmatch(held) for name, held in job.displaces):
        raise ValueError(f"the pictures {job.displaces}")
    return job


def _job(record: dict[str, Any]) -> Job:
    recipe = record["recipe"]
    adapters = tuple(AdapterWeights(**adapter) for adapter in recipe.pop("adapters"))
    return Job(
        scene=_scene(record["scene"]),
        seed=record["seed"],
        id=record["id"],
        recipe=Recipe(model=Weights(**recipe.pop("model")), adapters=adapters, **recipe),
        inputs=tuple((Path(path), digest) for path, digest in record["inputs"]),
        cost=JobCost(**record["cost"]),
        readings=tuple(map(str, record["readings"])),
        displaces=tuple((str(name), str(held)) for name, held in record["displaces"]),
    )


def event_to_json(event: Event) -> bytes:
    record: dict[str, Any] = {
        "kind": event.kind,
        "rank": event.rank,
        "position": event.position,
        "step": event.step,
        "text": event.text,
    }
    if event.outcome is not None:
        record["outcome"] = {**vars(event.outcome), "job": None, "png": None, "reason": _reason(event.outcome.reason)}
    if event.problem is not None:
        problem = event.problem
        record["problem"] = {"class": type(problem).__name__, "message": problem.message, "hint": problem.hint}
    return json.dumps(record, default=str).encode()


def event_from_json(data: bytes, jobs: tuple[Job, ...]) -> Event:
    """What a rank of another host tells of one of the `jobs`.

    Raises:
        ValueError, TypeError, KeyError or IndexError: it tells nothing of them.
    """
    record = parse_object(data)
    if not -1 <= record["position"] < len(jobs):
        raise IndexError(f"job {record['position']}")
    outcome, problem = record.pop("outcome", None), record.pop("problem", None)
    return Event(
        **record,
        outcome=None if outcome is None else _outcome(outcome, jobs[record["position"]]),
        problem=None if problem is None else problem_from(problem["class"], problem["message"], problem["hint"]),
    )


def problem_from(kind: str, message: str, hint: str | None) -> EnvironmentProblem:
    return _PROBLEMS.get(kind, EnvironmentProblem)(message, hint=hint)


def _outcome(record: dict[str, Any], job: Job) -> Outcome:
    reason = record["reason"]
    return Outcome(
        **{
            **record,
            "job": job,
            "status": Status(record["status"]),
            "path": _path(record["path"]),
            "evades": _path(record["evades"]),
            "outdated": _path(record["outdated"]),
            "reason": None if reason is None else Reason(**reason),
        }
    )


def _reason(reason: Reason | None) -> dict[str, Any] | None:
    return None if reason is None else asdict(reason)


def _scene(record: dict[str, Any]) -> Scene:
    source = record["source"]
    values = tuple((name, value) for name, value in source["values"])
    written = SceneSource(_path(source["path"]), source["document"], source["matrix_row"], values)
    references = (Reference.of_plain(value["name"], value) for value in record["references"])
    return Scene.of_plain(record, references, written)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
