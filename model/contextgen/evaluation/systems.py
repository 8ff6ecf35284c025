"""Systems under test: the model, and the model with a part of the method switched off. No torch at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from contextgen.evaluation.cases import Case
from contextgen.method.ablations import ABLATIONS

if TYPE_CHECKING:
    from PIL.Image import Image

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

    def painter(ablation: str | None) -> Callable[[Case], Image]:
        return lambda case: _paint(pipe, case, steps, ablation)

    ablated = [System(ablation, painter(ablation), painted=True) for ablation in ablations]
    return [System(name, painter(None), painted=True), *ablated]


def _paint(pipe: Any, case: Case, steps: int | None, ablation: str | None) -> Image:
    width, height = case.size
    with _ablated(pipe, ablation):
        picture: Image = pipe(
            case.prompt,
            instances=case.instances,
            layout=case.layout,
            height=height,
            width=width,
            num_inference_steps=steps,
            seed=case.seed,
        ).images[0]
    return picture


@contextmanager
def _ablated(pipe: Any, ablation: str | None) -> Iterator[None]:
    """The pipeline without a part of the method, inside the block."""
    pipe.set_attention(ablation=ablation)
    try:
        yield
    finally:
        pipe.set_attention()
