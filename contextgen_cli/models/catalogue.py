"""The models that have a name, and what can be known of them without opening any: size, licences, canvases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from contextgen_cli.errors import SceneError
from contextgen_cli.models import error_translation

if TYPE_CHECKING:
    from contextgen.weights.card import ModelCard
    from contextgen.weights.checkpoints import Alias
    from contextgen_cli.scene.scene import Scene


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
    from contextgen.weights.checkpoints import CheckpointError, NotInCache, find

    try:
        find(model, offline=True)
    except NotInCache:
        return "not in the hub cache"
    except CheckpointError as problem:
        return str(problem)
    return None


def _known(alias: Alias) -> KnownModel:
    from contextgen.weights.checkpoints import find, folder_bytes

    lacks = missing(alias)
    known = KnownModel(
        alias.name, alias.description, alias.size, None, None, alias.licences, alias.needs_adapter, lacks
    )
    if lacks is not None and alias.repo is None:
        return known
    card = _card_of(alias)
    canvas = ", ".join([f"{card.width}x{card.height} px", *limits(card)])
    size = folder_bytes(find(alias)) if alias.size is None else alias.size
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


def read_card(scene: Scene, name: str | None) -> ModelCard:
    """The card of the model that `name`, else the scene, else the default says: from this machine, never fetched."""
    from contextgen.weights import checkpoints
    from contextgen.weights.card import ModelCard

    if name is None:
        return _card_of(alias_of(scene))
    with error_translation.opening():
        return ModelCard.read(checkpoints.find(name, offline=True))


def _card_of(alias: Alias) -> ModelCard:
    """An alias' card: that of a model which is not here is the released model's, whose values are the defaults."""
    from contextgen.weights.card import ModelCard
    from contextgen.weights.checkpoints import find

    if alias.repo is not None and missing(alias) is not None:
        return ModelCard()
    with error_translation.opening():
        return ModelCard.read(find(alias, offline=True))


def limits(card: ModelCard) -> list[str]:
    """The canvases that a model was made for, in words."""
    stated = (
        (card.smallest_side, "sides from {:g} px"),
        (card.largest_side, "sides to {:g} px"),
        (card.largest_aspect, "shapes to {:g}:1"),
    )
    return [words.format(limit) for limit, words in stated if limit is not None]
