"""Jobs and events as JSON, for the way from one host to another: what arrives is data, never code (no pickles)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contextgen_cli.batch.ledger import Reason
from contextgen_cli.batch.plan import Job, JobCost, Recipe
from contextgen_cli.batch.worker import Outcome, Status
from contextgen_cli.errors import DeviceError, EnvironmentProblem, OutputError, WeightsError
from contextgen_cli.records.record import Weights
from contextgen_cli.scene.scene import Reference, Scene, SceneSource

_PROBLEMS = {kind.__name__: kind for kind in (EnvironmentProblem, WeightsError, DeviceError, OutputError)}


@dataclass(frozen=True)
class Event:
    """Something that a rank has to tell; `position` is the job's in the plan."""

    kind: str  # ready | taken | opening | started | step | finished | noticed | problem
    rank: int
    position: int = -1
    step: int = 0
    outcome: Outcome | None = None
    text: str = ""
    problem: EnvironmentProblem | None = None


def job_to_json(job: Job) -> bytes:
    return json.dumps(asdict(job), default=str).encode()


def job_from_json(data: bytes) -> Job:
    record = json.loads(data)
    recipe = record["recipe"]
    adapter = recipe.pop("adapter")
    return Job(
        scene=_scene(record["scene"]),
        seed=record["seed"],
        id=record["id"],
        recipe=Recipe(
            model=Weights(**recipe.pop("model")), adapter=None if adapter is None else Weights(**adapter), **recipe
        ),
        inputs=tuple((Path(path), digest) for path, digest in record["inputs"]),
        cost=JobCost(**record["cost"]),
        readings=tuple(map(str, record["readings"])),
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
    record = json.loads(data)
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
