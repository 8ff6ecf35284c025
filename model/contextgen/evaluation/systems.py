"""Systems under test: the model, and the model with a part of the method switched off. No torch at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from contextgen.evaluation.cases import Case

if TYPE_CHECKING:
    from PIL.Image import Image

ABLATIONS = ("no-ica", "ica-everywhere", "no-layout", "no-offsets")
CaseT = TypeVar("CaseT", bound=Case, contravariant=True)


@dataclass(frozen=True)
class System(Generic[CaseT]):
    """A way to come from cases to pictures.

    Attributes:
        name: as in tables.
        picture: a case -> RGB of its size.
        painted: whether a model does it, so that its time is worth knowing.
    """

    name: str
    picture: Callable[[CaseT], Image]
    painted: bool = False


def model_systems(pipe: Any, name: str, steps: int | None = None, ablations: Sequence[str] = ()) -> list[System[Case]]:
    """The model, and the same weights under each ablation.

    Args:
        pipe: a `ContextGenPipeline`; it is as before after every picture.
        steps: None for the model's own number.

    Raises:
        ValueError: there is no such ablation.
    """
    if unknown := sorted(set(ablations) - set(ABLATIONS)):
        raise ValueError(f"unknown ablation {unknown[0]!r}: use one of {', '.join(ABLATIONS)}")

    def painter(ablation: str) -> Callable[[Case], Image]:
        return lambda case: _paint(pipe, case, steps, ablation)

    ablated = [System(ablation, painter(ablation), painted=True) for ablation in ablations]
    return [System(name, painter(""), painted=True), *ablated]


def _paint(pipe: Any, case: Case, steps: int | None, ablation: str) -> Image:
    from PIL import Image

    width, height = case.size
    nothing = Image.new("RGBA", case.size) if ablation == "no-layout" else None
    with _ablated(pipe, ablation):
        picture: Image.Image = pipe(
            case.prompt,
            instances=case.instances,
            layout=nothing or case.layout,
            height=height,
            width=width,
            num_inference_steps=steps,
            seed=case.seed,
        ).images[0]
    return picture


@contextmanager
def _ablated(pipe: Any, ablation: str) -> Iterator[None]:
    """The pipeline without a part of the method, inside the block."""
    whole = pipe.card
    config = pipe.transformer.config
    everywhere = tuple(range(config.num_layers + config.num_single_layers))
    blocks = {"no-ica": (), "ica-everywhere": everywhere}.get(ablation, whole.ica_blocks)
    try:
        pipe.card = replace(whole, ica_blocks=blocks)
        pipe.set_attention(offsets=ablation != "no-offsets")
        yield
    finally:
        pipe.card = whole
        pipe.set_attention()
