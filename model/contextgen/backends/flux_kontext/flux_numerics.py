"""How FLUX.1-Kontext pictures can be computed: the choices, each list once. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contextgen.backends.choices import Numerics
from contextgen.method.ablations import ABLATIONS

ATTENTIONS = ("exact", "masked")
ICA_VARIANTS = ("released", "paper")
QUANTIZATIONS = {"fp8": 1.0, "int8": 1.0, "nf4": 0.5625}  # bytes a number, with the scales
STEP_CACHES = ("first-block", "mag", "taylor")
PARALLELS = ("ulysses", "ring")


def _approximation(default: Any, name: str, read: type, choices: Any = None) -> Any:
    return field(default=default, metadata={"approximates": (name, read), "choices": choices})


@dataclass(frozen=True)
class FluxNumerics(Numerics):
    """The choices of this family.

    Attributes:
        attention: `exact` leaves out what nobody reads; `masked` is the dense reference. Equal to rounding.
        ica: `released` or `paper` (Eq. 4).
        ablation: a part of the method that is switched off; no approximation, but another picture.
        quantize: the blocks' matrices in fewer bits.
        cache_steps: denoising steps that are not all computed.
        reuse_references: references are computed every so many steps.
        compile: torch compiles the blocks, which rounds otherwise.
    """

    attention: str = field(default="exact", metadata={"always": True, "choices": ATTENTIONS})
    ica: str = field(default="released", metadata={"always": True, "choices": ICA_VARIANTS})
    ablation: str | None = field(default=None, metadata={"choices": ABLATIONS})
    quantize: str | None = _approximation(None, "quantize", str, tuple(QUANTIZATIONS))
    cache_steps: str | None = _approximation(None, "cache-steps", str, STEP_CACHES)
    reuse_references: int = _approximation(1, "reuse-references", int)
    compile: bool = field(default=False, metadata={"key": "compiled"})
