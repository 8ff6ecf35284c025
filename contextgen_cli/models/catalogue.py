"""The models that have a name, and what can be known of them without opening any: size, licences, canvases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.errors import EnvironmentProblem, SceneError, WeightsError
from contextgen_cli.models import error_translation
from contextgen_cli.scene.limits import ModelLimits, PlacedSubject, PromptReading

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
        adapter: the hub id of the one that it is painted with.
        missing: what keeps it from being loaded without the network.
    """

    name: str
    description: str
    size: int | None
    canvas: str | None
    steps: int | None
    licences: Mapping[str, str]
    adapter: str | None
    missing: str | None


def aliases() -> tuple[str, ...]:
    """The names that a scene's `model` may take."""
    from contextgen.weights.checkpoints import ALIASES

    return tuple(ALIASES)


def own_adapters() -> tuple[str, ...]:
    """The adapters that models with an alias are painted with; no other that a record names is ever fetched for it."""
    from contextgen.weights.checkpoints import ALIASES

    return tuple(alias.adapter for alias in ALIASES.values() if alias.adapter is not None)


def has_namesake(name: str) -> bool:
    """Whether a name is an alias, and a folder here has it too: the alias is meant, and the folder is `./NAME`."""
    return name in aliases() and Path(name).is_dir()


def known_models() -> list[KnownModel]:
    """The models with an alias, and whether each would load now; the network stays untouched."""
    from contextgen.weights.checkpoints import ALIASES

    return [_known(alias) for alias in ALIASES.values()]


def missing(model: str | Alias) -> str | None:
    """What keeps a model from loading without the network, as far as its files' headers tell, or None."""
    backend, lacks = _look_at(model)
    return lacks if backend is None else _lacks_adapter(backend, model)


def examine(model: str) -> tuple[str | None, str | None]:
    """What the family of a model can do, and what keeps it from loading without the network, in words or None.

    Every tensor is looked for, and every number read.
    """
    backend, lacks = _look_at(model)
    lacks = lacks if backend is None else _lacks_adapter(backend, model)
    if backend is None or lacks is not None:
        return None, lacks
    try:
        with error_translation.opening():
            error_translation.quieten()
            backend.check_weights()
    except EnvironmentProblem as problem:
        return None, f"{problem.message}. {problem.hint}"
    return _family(backend), None


def examine_adapter(model: str, adapter: str) -> str | None:
    """What keeps an adapter from a model, in words, or None: every layer is looked for, and every number read."""
    from contextgen.backends.finite import check_numbers
    from contextgen.weights.adapter_folder import adapter_files
    from contextgen.weights.checkpoints import find_adapter

    backend, lacks = _look_at(model)
    if backend is None:
        return f"the model would not load: {lacks}"
    if not backend.capabilities.adapters:
        return f"{backend.name} takes no adapter"
    try:
        with error_translation.opening():
            path = find_adapter(adapter, offline=True)
            backend.check_adapter(path)
            check_numbers(adapter_files(path))
    except EnvironmentProblem as problem:
        return f"{problem.message}. {problem.hint}"
    return None


def _family(backend: Backend) -> str:
    can = backend.capabilities
    words = [f"takes the layout as {can.layout}"]
    words += [f"{can.most_references} references at most"] * (can.most_references is not None)
    words += [f"cannot honour {', '.join(can.unsupported)}"] * bool(can.unsupported)
    words += ["a seed need not give the same picture again"] * (not can.replays)
    return f"{backend.name}; {'; '.join(words)}"


def _look_at(model: str | Alias) -> tuple[Backend | None, str | None]:
    """A model's family where it would load without the network, else what keeps it from that."""
    from contextgen.weights.card import MalformedCard
    from contextgen.weights.checkpoint_errors import CheckpointError, NotInCache

    try:
        backend = _on_this_machine(model)
        backend.check()
        assert backend.card
    except NotInCache:
        return None, "not in the hub cache"
    except CheckpointError as problem:
        return None, f"{problem}. {problem.hint}"
    except MalformedCard as problem:
        return None, str(problem)
    return backend, None


def _lacks_adapter(backend: Backend, model: str | Alias) -> str | None:
    """What keeps a model's own adapter from being put on without the network; None: nothing, or it has none."""
    from contextgen.weights.checkpoint_errors import CheckpointError, NotInCache
    from contextgen.weights.checkpoints import ALIASES, find_adapter

    alias = ALIASES.get(model) if isinstance(model, str) else model
    if alias is None or alias.adapter is None:
        return None
    try:
        backend.check_adapter(find_adapter(alias.adapter, offline=True))
    except NotInCache:
        return f"its adapter {alias.adapter} is not in the hub cache"
    except CheckpointError as problem:
        return f"its adapter: {problem}. {problem.hint}"
    return None


def _on_this_machine(model: str | Alias) -> Backend:
    """The family of a model's folder, of which nothing but its index is looked at."""
    from contextgen.backends.families import backend_of
    from contextgen.weights.checkpoints import locate

    return backend_of(locate(model, offline=True))


def _known(alias: Alias) -> KnownModel:
    from contextgen.weights.model_folder import folder_bytes

    backend, lacks = _look_at(alias)
    if backend is not None:
        lacks = _lacks_adapter(backend, alias)
    known = KnownModel(alias.name, alias.description, alias.size, None, None, alias.licences, alias.adapter, lacks)
    if backend is None and alias.repo is None:
        return known
    card = (backend or _released(alias)).card
    canvas = ", ".join([f"{card.width}x{card.height} px", *limits(card)])
    size = folder_bytes(backend.folder) if backend is not None and alias.size is None else alias.size
    return replace(known, size=size, canvas=canvas, steps=card.steps)


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


def backend_here(name: str, *, checked: bool = False) -> Backend:
    """The family of a model on this machine, its card read; of an alias that is not here, of its released model.

    Args:
        checked: see that its weights would load, too, as far as the headers of their files tell.

    Raises:
        ModelNotHere: it would have to be fetched.
        WeightsError: there is no such model, or it is broken.
    """
    from contextgen.weights.checkpoint_errors import NotInCache
    from contextgen.weights.checkpoints import ALIASES

    if name in ALIASES:
        return _backend_of(ALIASES[name])
    try:
        with error_translation.opening():
            backend = _on_this_machine(name)
            if checked:
                backend.check()
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
    shown = Path(asked).name if asked not in aliases() and Path(asked).is_dir() else asked
    return ModelLimits(
        shown,
        card.token_side,
        can.most_references,
        can.most_instances,
        can.smallest_reference,
        can.refused,
        partial(_read_prompt, backend),
        partial(_canvas_advice, shown, card),
        None if backend.is_released_only else partial(_subject_problem, backend),
    )


def _canvas_advice(model: str, card: Card, width: int, height: int) -> tuple[str, str] | None:
    if card.fits(width, height):
        return None
    near = "x".join(map(str, card.nearest_canvas(width, height)))
    hint = f"try {near}; --size {near} scales the boxes along. Or take another --model"
    return ill_suited(model, card, width, height), hint


def ill_suited(model: str, card: Card, width: int, height: int) -> str:
    """What is wrong with a canvas that a model was not made for, in words."""
    shorter, longer = sorted((width, height))
    if card.largest_side is not None and longer > card.largest_side:
        what = "larger"
    elif card.smallest_side is not None and shorter < card.smallest_side:
        what = "smaller"
    else:
        what = "longer"
    return f"{width}x{height} is {what} than {model} paints ({', '.join(limits(card))})"


def _subject_problem(backend: Backend, subject: PlacedSubject, canvas: tuple[int, int]) -> str | None:
    """As the price of the picture will find it."""
    from contextgen.backends.base import Silhouette, Sketch

    silhouette = Silhouette(subject.mask, subject.size, subject.box, subject.fit)
    try:
        backend.cost(Sketch((silhouette,), *canvas, backend.card.steps), backend.numerics())
    except ValueError as problem:
        return str(problem)
    return None


def _read_prompt(backend: Backend, prompt: str) -> PromptReading | None:
    """WeightsError where the tokenizer is broken."""
    with error_translation.opening():
        return backend.read_prompt(prompt)


def _backend_of(alias: Alias) -> Backend:
    """An alias' family; of a model which is not here it knows the released model's card."""
    with error_translation.opening():
        if alias.repo is not None:
            return _look_at(alias)[0] or _released(alias)
        backend = _on_this_machine(alias)
        assert backend.card
        return backend


def _released(alias: Alias) -> Backend:
    from contextgen.backends.families import family_of

    return family_of(alias.kind, alias.name)(None)


def recorded_card(name: str) -> ModelCard:
    """The card of the model that a picture names, as it is on this machine now; never fetched.

    A picture knows a folder by its name alone, not where it is: for such a model, and for one that is not here, it is
    the released model's. Where a subject lands hangs on the card only as far as it says to which whole tokens the
    reference's sides are rounded.
    """
    from contextgen.method.method_card import ModelCard
    from contextgen.weights.checkpoint_errors import CheckpointError
    from contextgen.weights.checkpoints import ALIASES

    if name not in ALIASES and "/" not in name:
        return ModelCard()
    try:
        card = _on_this_machine(ALIASES.get(name, name)).card
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
