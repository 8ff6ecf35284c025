"""A picture's record -> the job that painted it, found again on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from contextgen_cli.batch.plan import Files, Job, Overrides, plan
from contextgen_cli.errors import ContextgenError, SceneError, UsageError, WeightsError
from contextgen_cli.models.catalogue import own_adapters
from contextgen_cli.models.loading import recorded_numerics
from contextgen_cli.models.numerics import DTYPES, AdapterChoice, Settings
from contextgen_cli.models.renderer import ModelRenderer, readings
from contextgen_cli.records.inputs import Finder
from contextgen_cli.records.picture_file import read_record
from contextgen_cli.records.record import PictureRecord, Weights, parse_record
from contextgen_cli.scene.scene import Scene

_DIGEST_LETTERS = 12
_OF_THE_RECORD = ("scene", "inputs", "model", "adapter")  # checked, and named as they were named then


@dataclass(frozen=True)
class Replay:
    """A picture to be rendered again, with its files found."""

    picture: Path
    record: Mapping[str, object]
    remembered: PictureRecord
    scene: Scene  # the paths are those of this machine

    def record_of(self, fresh: Mapping[str, object]) -> dict[str, object]:
        """What the new picture shall remember: the versions of now, and files and models by the names of then."""
        return {**fresh, **{key: self.record[key] for key in _OF_THE_RECORD}}


def recall(picture: Path, finder: Finder) -> Replay:
    """Read a picture's record and find its files.

    Raises:
        UsageError: it remembers nothing that can be read.
        SceneError: a file is missing, or was changed since.
    """
    record = read_record(picture)
    remembered = parse_record(record, picture, DTYPES)
    located, lost = finder.locate(remembered.scene, remembered.inputs)
    if lost:
        raise SceneError(
            f"{picture}: {', '.join(each.complaint for each in lost)}",
            hint="--inputs DIR names a folder that has the files as they were; they are known by their content.",
        )
    return Replay(picture, record, remembered, replace(located, seeds=(remembered.seed,)))


def settings_for(replay: Replay, asked: Settings, aliases: Collection[str]) -> Settings:
    """How the picture was painted; what a record cannot know of this machine is as asked for.

    Raises:
        WeightsError: nothing says where the model or the adapter is.
        UsageError: it was computed in a way that is not known here.
    """
    then = replay.remembered
    if asked.model is None and then.model.name not in aliases:
        raise _unnamed(replay.picture, "model", then.model)
    model = asked.model or then.model.name
    settings = replace(asked, model=model, adapters=_adapters(replay, asked))
    try:
        return replace(settings, numerics=recorded_numerics(settings, then.numerics))
    except ValueError as problem:
        raise UsageError(
            f"{replay.picture}: was painted with {problem}, which is not known here",
            hint="It may come from another version of contextgen.",
        ) from problem


def _adapters(replay: Replay, asked: Settings) -> tuple[AdapterChoice, ...]:
    """Those of then, as strong as then: where they are now is said in their order, of all or of those that are no
    alias' own.

    Raises:
        WeightsError: nothing says where one is.
        UsageError: more or fewer are given.
    """
    then = replay.remembered.adapters
    unnamed = [each for each in then if each.name not in own_adapters()]
    given = [choice.name for choice in asked.adapters or ()]
    if unnamed and not given:
        raise _unnamed(replay.picture, "adapter", unnamed[0])
    if len(given) not in {0, len(unnamed), len(then)} and then:
        names = ", ".join(each.called for each in then)
        raise UsageError(
            f"{replay.picture}: was painted with {names}, and --adapter is given {len(given)} times",
            hint="Give each of them, in this order.",
        )
    places = iter(given)
    lacking = then if len(given) == len(then) else unnamed if given else []
    return tuple(AdapterChoice(next(places) if each in lacking else each.name, each.scale) for each in then)


def job_of(replay: Replay, renderer: ModelRenderer) -> Job:
    """The job of a replay.

    Raises:
        WeightsError: the model or the adapter is not the one that painted it.
    """
    then, now = replay.remembered, renderer.recipe(replay.scene)
    _check_same(replay.picture, "model", then.model, now.model)
    for before, after in zip(then.adapters, now.adapters, strict=True):
        _check_same(replay.picture, "adapter", before, after)
        if before.strength != after.strength:
            raise WeightsError(
                f"{replay.picture}: was painted with another strength of {before.name}",
                hint="It comes from a version of contextgen that read its alpha otherwise: render the scene again.",
            )
    return plan([replay.scene], Overrides(), renderer.recipe, renderer.cost, files=Files(readings_of=readings)).jobs[0]


def _unnamed(picture: Path, what: str, weights: Weights) -> WeightsError:
    return WeightsError(
        f"{picture}: was painted with the {what} {weights.name}, which is no name known here",
        hint=f"Give its folder or hub id with --{what}, or set CONTEXTGEN_{what.upper()}.",
    )


def _check_same(picture: Path, what: str, then: Weights, now: Weights) -> None:
    if then.digest == now.digest:
        return
    raise WeightsError(
        f"{picture}: was painted with another {what}: {_shown(then)}, and this is {_shown(now)}",
        hint=f"Give the {what} that painted it with --{what}.",
    )


def _shown(weights: Weights) -> str:
    return f"{weights.name} ({weights.digest[:_DIGEST_LETTERS]})"


def recall_all(pictures: Iterable[Path], finder: Finder) -> tuple[list[Replay], list[ContextgenError]]:
    """Every picture that can be replayed, and what keeps the others from it."""
    replays: list[Replay] = []
    problems: list[ContextgenError] = []
    for picture in pictures:
        try:
            replays.append(recall(picture, finder))
        except ContextgenError as problem:
            problems.append(problem)
    return replays, problems


def refuse_originals(paths: Iterable[Path], pictures: Sequence[Path]) -> None:
    """Refuse to write over what the replays are to be compared with.

    Raises:
        UsageError: one of the paths is a picture.
    """
    originals = {picture.resolve() for picture in pictures}
    for path in paths:
        if path.resolve() in originals:
            raise UsageError(
                f"{path} is the original, which a replay never replaces", hint="Choose another folder with -o."
            )
