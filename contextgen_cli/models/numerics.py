"""How pictures are rendered: what a person asks for beside scenes, and what of it a picture remembers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contextgen_cli.errors import UsageError
from contextgen_cli.models.devices import QUANTIZED, STEP_CACHES


@dataclass(frozen=True, slots=True)
class Sharing:
    """How several processes paint one picture."""

    way: str
    processes: int

    def __str__(self) -> str:
        return f"{self.way}={self.processes}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Which model paints, and how; None leaves the choice to the scene, the model or the machine."""

    model: str | None = None
    adapter: str | None = None
    dtype: str | None = None
    device: str | None = None
    memory: str = "auto"
    attention: str = "exact"
    ica: str = "released"
    quantize: str | None = None
    cache_steps: str | None = None
    reuse_references: int = 1
    compile: bool = False
    cache: str | None = None
    parallel: Sharing | None = None
    offline: bool = False

    @property
    def approximations(self) -> str:
        """What makes a picture differ from the exact one by more than rounding; empty: nothing."""
        asked = {"quantize": self.quantize, "cache-steps": self.cache_steps}
        if self.reuse_references > 1:
            asked["reuse-references"] = str(self.reuse_references)
        return " ".join(f"{name}={value}" for name, value in asked.items() if value is not None)

    def approximating(self, approximations: str) -> Settings:
        """These settings, but with the approximations that a picture remembers.

        Raises:
            ValueError: some are not known here.
        """
        asked = dict(each.partition("=")[::2] for each in approximations.split(" "))
        settings = replace(
            self,
            quantize=asked.get("quantize"),
            cache_steps=asked.get("cache-steps"),
            reuse_references=int(asked.get("reuse-references", 1)),
        )
        known = settings.quantize in (None, *QUANTIZED) and settings.cache_steps in (None, *STEP_CACHES)
        if not known or settings.approximations != approximations:
            raise ValueError(f"unknown: {approximations}")
        return settings

    def refuse_contradictions(self) -> None:
        """
        Raises:
            UsageError: two of them exclude each other.
        """
        if self.parallel is not None:
            self._refuse_beside_parallel(f"--parallel {self.parallel}")
        if self.reuse_references == 1:
            return
        if self.cache_steps is not None:
            raise UsageError("--reuse-references and --cache-steps exclude each other", hint="Give one of them.")
        if self.attention != "exact":
            raise UsageError("--reuse-references needs the exact attention", hint="Leave --attention masked out.")

    def _refuse_beside_parallel(self, parallel: str) -> None:
        if self.attention != "exact":
            raise UsageError(f"{parallel} needs the exact attention", hint="Leave --attention masked out.")
        if self.cache_steps == "first-block":
            hint = "Take --cache-steps mag or taylor."
            raise UsageError(f"{parallel} and --cache-steps first-block exclude each other", hint=hint)
        if self.device is not None and ":" in self.device:
            hint = "Leave --device out, or choose the GPUs with CUDA_VISIBLE_DEVICES."
            raise UsageError(f"{parallel} takes the GPUs from the first on, and not {self.device}", hint=hint)
