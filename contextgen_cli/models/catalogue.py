"""The models that have a name, and what can be known of them without opening any: size, licences, canvases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.errors import EnvironmentProblem, SceneError, WeightsError
from contextgen_cli.models import error_translation
from contextgen_cli.scene.limits import ModelLimits, PromptReading

if TYPE_CHECKING:
    from contextgen.backends.base import Backend
    from contextgen.method.method_card import ModelCard
    from contextgen.weights.card import Card
    from contextgen.weights.checkpoints import Alias
    from contextgen_cli.scene.scene import Scene


class ModelNotHere(WeightsError):
    """It would have to be fetched first."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model with an alias.

    Attributes:
        size: bytes, its adapter's too; None: not known, for it is broken.
        canvas, steps: what it paints if not told otherwise, with its limits; None: as above.
        licences: of each part.
        missing: what keeps it from being loaded without the network.
    """

    name: str
    description: str
    size: int | None
    canvas: str | None
    steps: int | None
    licences: Mapping[str, str]
    needs_adapter: bool
    missing: str | None


def aliases() -> tuple[str, ...]:
    """The names that a scene's `model` may take."""
    from contextgen.weights.checkpoints import ALIASES

    return tuple(ALIASES)


def known_models() -> list[KnownModel]:
    """The models with an alias, and whether each would load now; the network stays untouched."""
    from contextgen.weights.checkpoints import ALIASES

    return [_known(alias) for alias in ALIASES.values()]


def missing(model: str | Alias) -> str | None:
    """What keeps a model from loading without the network, or None."""
    from contextgen.backends.families import backend_of
    from contextgen.weights.card import MalformedCard
    from contextgen.weights.checkpoint_errors import CheckpointError, NotInCache
    from contextgen.weights.checkpoints import locate

    try:
        backend = backend_of(locate(model, offline=True))
        backend.check()
        assert backend.card
    except NotInCache:
        return "not in the hub cache"
    except (CheckpointError, MalformedCard) as problem:
        return str(problem)
    return None


def _known(alias: Alias) -> KnownModel:
    from contextgen.weights.checkpoints import find
    from contextgen.weights.model_folder import folder_bytes

    lacks = missing(alias)
    known = KnownModel(
        alias.name, alias.description, alias.size, None, None, alias.licences, alias.needs_adapter, lacks
    )
    if lacks is not None and alias.repo is None:
        return known
    card = _backend_of(alias).card
    canvas = ", ".join([f"{card.width}x{card.height} px", *limits(card)])
    size = folder_bytes(find(alias)) if alias.size is None else alias.size
    return replace(known, size=size, canvas=canvas, steps=card.steps)


def family(model: str) -> str | None:
    """What the family of a model can do, in words; None where the model would not load."""
    if missing(model) is not None:
        return None
    backend = backend_here(model)
    can = backend.capabilities
    words = [f"takes the layout as {can.layout}"]
    words += [f"{can.most_references} references at most"] * (can.most_references is not None)
    words += [f"cannot honour {', '.join(can.unsupported)}"] * bool(can.unsupported)
    words += ["a seed need not give the same picture again"] * (not can.replays)
    return f"{backend.name}; {'; '.join(words)}"


def alias_of(scene: Scene) -> Alias:
    """The model that the scene asks for, or the one that comes with the package."""
    from contextgen.weights.checkpoints import ALIASES, DEFAULT

    name = scene.model or DEFAULT
    if name not in ALIASES:
        raise SceneError(
            f"{scene.source.path or '<stdin>'}: model: no alias {name!r}",
            hint=f"Aliases are: {', '.join(ALIASES)}. A folder can be given with --model.",
        )
    return ALIASES[name]


def backend_for(scene: Scene, name: str | None) -> Backend:
    """The family of the model that `name`, else the scene, else the default says: from this machine, never fetched.

    Raises:
        WeightsError: there is none, or it is broken.
    """
    return _backend_of(alias_of(scene)) if name is None else backend_here(name)


def backend_here(name: str) -> Backend:
    """The family of a model on this machine, its card read; of an alias that is not here, of its released model.

    Raises:
        ModelNotHere: it would have to be fetched.
        WeightsError: there is no such model, or it is broken.
    """
    from contextgen.backends.families import backend_of
    from contextgen.weights.checkpoint_errors import NotInCache
    from contextgen.weights.checkpoints import ALIASES, locate

    if name in ALIASES and not Path(name).is_dir():
        return _backend_of(ALIASES[name])
    try:
        with error_translation.opening():
            backend = backend_of(locate(name, offline=True))
            assert backend.card
    except WeightsError as problem:
        if isinstance(problem.__cause__, NotInCache):
            raise ModelNotHere(problem.message, hint=problem.hint) from problem
        raise
    return backend


def model_limits(name: str | None, alias: str | None) -> ModelLimits | None:
    """What a scene can ask of the model that `name`, else `alias`, else the default says; None: it is not known."""
    from contextgen.weights.checkpoints import DEFAULT

    asked = name or alias or DEFAULT
    try:
        backend = backend_here(asked)
    except EnvironmentProblem:
        return None  # which is said where the model is opened
    card, can = backend.card, backend.capabilities
    return ModelLimits(
        Path(asked).name if Path(asked).is_dir() else asked,
        card.token_side,
        can.most_references,
        can.most_instances,
        can.smallest_reference,
        can.unsupported if can.guidance else {**can.unsupported, "sampling.guidance": "it has no guidance scale"},
        partial(_read_prompt, backend),
    )


def _read_prompt(backend: Backend, prompt: str) -> PromptReading | None:
    """WeightsError where the tokenizer is broken."""
    with error_translation.opening():
        return backend.read_prompt(prompt)


def _backend_of(alias: Alias) -> Backend:
    """An alias' family; of a model which is not here it knows the released model's card."""
    from contextgen.backends.families import backend_of, family_of
    from contextgen.weights.checkpoints import locate

    with error_translation.opening():
        if alias.repo is not None and missing(alias) is not None:
            return family_of(alias.kind, alias.name)(None)
        backend = backend_of(locate(alias, offline=True))
        assert backend.card
        return backend


def recorded_card(name: str) -> ModelCard:
    """The card of the model that a picture names, as it is on this machine now; never fetched.

    A picture knows a folder by its name alone, not where it is: for such a model, and for one that is not here, it is
    the released model's. Where a subject lands hangs on the card only as far as it says to which whole tokens the
    reference's sides are rounded.
    """
    from contextgen.backends.families import backend_of
    from contextgen.method.method_card import ModelCard
    from contextgen.weights.checkpoint_errors import CheckpointError
    from contextgen.weights.checkpoints import ALIASES, locate

    if name not in ALIASES and "/" not in name:
        return ModelCard()
    try:
        card = backend_of(locate(ALIASES.get(name, name), offline=True)).card
    except (CheckpointError, OSError, ValueError):
        return ModelCard()
    return card if isinstance(card, ModelCard) else ModelCard()


def limits(card: Card) -> list[str]:
    """The canvases that a model was made for, in words."""
    stated = (
        (card.smallest_side, "sides from {:g} px"),
        (card.largest_side, "sides to {:g} px"),
        (card.largest_aspect, "shapes to {:g}:1"),
    )
    return [words.format(limit) for limit, words in stated if limit is not None]
