"""What has determined a run's weights so far, kept in its checkpoints: a run that is told otherwise is another run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from contextgen.training.config import OBJECTIVES, Flow, Stage, Start, TrainConfig

_EARLIER_BETAS = [0.9, 0.99]
_SETTINGS = frozenset(field.name for kind in OBJECTIVES.values() for field in fields(kind))  # of any objective


def resume_fingerprint(config: TrainConfig, stage: int) -> dict[str, Any]:
    """What has determined the weights up to some step of a stage, as JSON types, each stage as a file states it.

    Whatever may change between two runs of one training is left out: the stage's length, later stages, how often
    something is saved or shown, and where models and data lie.
    """
    stages = [replace(past, samples=None, checkpoint_every=1) for past in config.stages[: stage + 1]]
    stages[stage] = replace(stages[stage], steps=0)
    start = replace(config.start, model=_last(config.start.model), adapter=_last(config.start.adapter))
    told = asdict(replace(config, output=Path(), start=start, workers=0, tensorboard=False))
    return {key: _as_json(value) for key, value in {**told, "stages": list(map(_stated, stages))}.items()}


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The key paths where a run told `now` departs from the fingerprint `before`, which an older version may have left.

    That had every objective's settings in every stage, betas of its own where a file stated none, and lacks what there
    has been only since.
    """
    unnamed = resume_fingerprint(TrainConfig(Path(), Start("any"), (Stage("any", 0),)), 0)
    stages = [_completed(stage, unnamed["stages"][0]) for stage in before["stages"]]
    for stage, same in zip(stages, now["stages"], strict=False):
        if same["optimizer"]["betas"] is None and stage["optimizer"]["betas"] == _EARLIER_BETAS:
            stage["optimizer"] = {**stage["optimizer"], "betas": None}  # the checkpoint brings them along
    return list(_differences({**unnamed, **before, "stages": stages}, now))


def _stated(stage: Stage) -> dict[str, Any]:
    return {**asdict(stage), "objective": stage.objective.name, **asdict(stage.objective)}


def _completed(stage: Mapping[str, Any], unnamed: Mapping[str, Any]) -> dict[str, Any]:
    """A stage of an older fingerprint as it would be written now."""
    kind = OBJECTIVES.get(stage["objective"], Flow)
    ignored = _SETTINGS - {field.name for field in fields(kind)}
    stated = {**unnamed, **asdict(kind()), **stage}
    return {key: value for key, value in stated.items() if key not in ignored}


def _differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """The key paths where two trees of JSON types differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            yield from _differences(before.get(key), now.get(key), f"{place}.{key}" if place else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _differences(old, new, f"{place}[{index}]")
    elif before != now:
        yield place


def _last(path: str | None) -> str | None:
    return None if path is None else Path(path).name


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value.name if isinstance(value, Path) else value
