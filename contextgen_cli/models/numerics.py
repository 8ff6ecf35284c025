"""How pictures are rendered: what a person asks for beside scenes. The lists of choices are the library's."""

from __future__ import annotations

from dataclasses import dataclass

from contextgen.backends.choices import DTYPES, LEAST_MEMORY_LAST, ContextParallel
from contextgen.backends.flux_kontext.flux_numerics import (
    ATTENTIONS,
    ICA_VARIANTS,
    PARALLELS,
    QUANTIZATIONS,
    STEP_CACHES,
)
from contextgen.method.ablations import ABLATIONS
from contextgen_cli.errors import UsageError

__all__ = [
    "ABLATIONS",
    "ATTENTIONS",
    "DTYPES",
    "ICA_VARIANTS",
    "MEMORY_PRESETS",
    "PARALLELS",
    "QUANTIZATIONS",
    "STEP_CACHES",
    "AdapterChoice",
    "ContextParallel",
    "Settings",
]

MEMORY_PRESETS = ("auto", *LEAST_MEMORY_LAST)  # auto: of these, the first that fits


@dataclass(frozen=True, slots=True)
class AdapterChoice:
    """An adapter as it is asked for: a path, a hub id or `default`, and how many times its update counts."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True)
class Settings:
    """Which model paints, and how; None leaves the choice to the scene, the model or the machine.

    Attributes:
        adapters: put on in this order, or none; None: the model's own, if it has one.
        cache: a folder for encoded prompts.
        threads: of each process on the CPU; they decide no more than the last bits of a picture.
        numerics: what is asked for of the family's `Numerics`, by name; the rest is its default.
    """

    model: str | None = None
    adapters: tuple[AdapterChoice, ...] | None = None
    device: str | None = None
    memory: str = "auto"
    cache: str | None = None
    parallel: ContextParallel | None = None
    threads: int | None = None
    offline: bool = False
    numerics: tuple[tuple[str, object], ...] = ()

    def refuse_contradictions(self) -> None:
        """
        Raises:
            UsageError: two of them exclude each other, whatever the model.
        """
        if self.parallel is not None and self.device is not None and ":" in self.device:
            raise UsageError(
                f"--parallel {self.parallel} takes the GPUs from the first on, and not {self.device}",
                hint="Leave --device out, or choose the GPUs with CUDA_VISIBLE_DEVICES.",
            )
