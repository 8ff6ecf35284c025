"""Steps that are not computed: approximate, off by default, decided on the canvas alone.

diffusers' own caches compare and add whole hidden states. Here rows end on the way through the blocks, and layout and
references, which hardly change, would hide what the canvas does; so the ideas are followed on canvas tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from diffusers import FluxTransformer2DModel

from contextgen.attention import blocks
from contextgen.velocity import Conditioning, velocity


class StepCache(Protocol):
    """One picture's steps, in order; `velocity` is `contextgen.velocity`'s, computed or not.

    Attributes:
        skipped: how many steps were not computed.
    """

    skipped: int

    def velocity(
        self, transformer: FluxTransformer2DModel, x_t: torch.Tensor, t: torch.Tensor, given: Conditioning
    ) -> torch.Tensor: ...


class Everything:
    """Every step is computed."""

    skipped = 0

    def velocity(
        self, transformer: FluxTransformer2DModel, x_t: torch.Tensor, t: torch.Tensor, given: Conditioning
    ) -> torch.Tensor:
        return velocity(transformer, x_t, t, given)


class Taylor:
    """After some steps every third is computed; between, the velocity goes on as a line (TaylorSeer, 2503.06923)."""

    def __init__(self, warm_up: int = 3, interval: int = 3) -> None:
        self.skipped = 0
        self._warm_up, self._interval, self._step = warm_up, interval, 0
        self._known: list[tuple[torch.Tensor, torch.Tensor]] = []  # the last two computed: (t, velocity)

    def velocity(
        self, transformer: FluxTransformer2DModel, x_t: torch.Tensor, t: torch.Tensor, given: Conditioning
    ) -> torch.Tensor:
        since, self._step = self._step - self._warm_up, self._step + 1
        if since >= 0 and since % self._interval != self._interval - 1 and len(self._known) == 2:
            self.skipped += 1
            (t_0, v_0), (t_1, v_1) = self._known
            return v_1 + ((t - t_1) / (t_1 - t_0)).to(v_1.dtype) * (v_1 - v_0)
        v = velocity(transformer, x_t, t, given)
        self._known = [*self._known[-1:], (t, v)]
        return v


class FirstBlock:
    """The first block says whether the canvas' residual has changed since the last computed step (First Block Cache).

    Where it has not, what the other blocks added to the canvas then is added again. The canvas alone changes more than
    a whole sequence does, so the threshold is larger than elsewhere.
    """

    def __init__(self, threshold: float = 0.2) -> None:
        self.skipped = 0
        self._threshold = threshold
        self._given: Conditioning | None = None
        self._now: torch.Tensor | None = None  # the canvas after the first block, (B, I, D)
        self._residual: torch.Tensor | None = None  # what the first block added in the last computed step
        self._rest: torch.Tensor | None = None  # what the others added in it

    def velocity(
        self, transformer: FluxTransformer2DModel, x_t: torch.Tensor, t: torch.Tensor, given: Conditioning
    ) -> torch.Tensor:
        first, *_, last = blocks(transformer)
        self._given = given
        hooks = [
            first.register_forward_hook(self._after_first, with_kwargs=True),
            last.register_forward_hook(self._after_last),
        ]
        try:
            return velocity(transformer, x_t, t, given)
        except _Unchanged:
            self.skipped += 1
            assert self._now is not None and self._rest is not None
            temb = transformer.time_text_embed()  # given, as this is within `modulated`
            output = transformer.proj_out(transformer.norm_out(self._now + self._rest, temb))
            canvas: torch.Tensor = given.arrangement.in_reading_order(output)
            return canvas
        finally:
            for hook in hooks:
                hook.remove()

    def _canvas(self, hidden: torch.Tensor) -> torch.Tensor:
        assert self._given is not None
        rows: torch.Tensor = self._given.arrangement.canvas_rows(hidden)
        return rows

    def _after_first(self, block: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        self._now = self._canvas(output[1])
        residual = self._now - self._canvas(kwargs["hidden_states"])
        if self._residual is not None and self._rest is not None:
            change = (residual - self._residual).abs().mean() / self._residual.abs().mean()
            if float(change) < self._threshold:
                raise _Unchanged
        self._residual = residual

    def _after_last(self, block: Any, args: tuple[Any, ...], output: Any) -> None:
        assert self._now is not None
        self._rest = self._canvas(output[1]) - self._now


class _Unchanged(Exception):
    """Leaves a forward pass after its first block."""


_CACHES: dict[str, Callable[[], StepCache]] = {"first-block": FirstBlock, "taylor": Taylor}
STEP_CACHES = tuple(_CACHES)


def step_cache(name: str | None) -> StepCache:
    """A cache for one picture; None computes every step.

    Raises:
        ValueError: unknown name.
    """
    if name is None:
        return Everything()
    if name not in _CACHES:
        raise ValueError(f"a step cache is one of {STEP_CACHES}: {name!r}")
    return _CACHES[name]()
