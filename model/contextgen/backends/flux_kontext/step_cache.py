"""Steps that are not computed: approximate, off by default, decided on the canvas alone.

diffusers' own caches compare and add whole hidden states. Here rows end on the way through the blocks, and layout and
references, which hardly change, would hide what the canvas does; so the ideas are followed on canvas tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from diffusers import FluxTransformer2DModel
from torch.utils.hooks import RemovableHandle

from contextgen.backends.flux_kontext.attention.arrangement import BlockCall, BlockOutput
from contextgen.backends.flux_kontext.attention.masked_attention import Block, blocks
from contextgen.backends.flux_kontext.flux_numerics import STEP_CACHES
from contextgen.backends.flux_kontext.velocity import Conditioning, velocity


class StepCache(Protocol):
    """One picture's steps, in order; `velocity` is `contextgen.backends.flux_kontext.velocity`'s, computed or not.

    Attributes:
        skipped: how many steps were not computed.
    """

    skipped: int

    def velocity(
        self, transformer: FluxTransformer2DModel, x_t: torch.Tensor, t: torch.Tensor, given: Conditioning
    ) -> torch.Tensor: ...


class NoStepCache:
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


class _Leaving:
    """In some steps the forward pass is left at the first block; what the blocks from there on added to the canvas in
    the last computed step is added again."""

    def __init__(self) -> None:
        self.skipped = 0
        self._now: torch.Tensor | None = None  # the canvas where the pass may be left, (B, I, D)
        self._rest: torch.Tensor | None = None  # what was added to it from there on in the last computed step

    def velocity(
        self, transformer: FluxTransformer2DModel, x_t: torch.Tensor, t: torch.Tensor, given: Conditioning
    ) -> torch.Tensor:
        first, *_, last = blocks(transformer)
        hooks = [self._watch(first), last.register_forward_hook(self._after_last, with_kwargs=True)]
        try:
            return velocity(transformer, x_t, t, given)
        except _Unchanged:
            self.skipped += 1
            assert self._now is not None and self._rest is not None
            temb = transformer.time_text_embed()  # given, as this is within `modulated`
            output = transformer.proj_out(transformer.norm_out(self._now + self._rest, temb))
            return given.arrangement.in_reading_order(output)
        finally:
            for hook in hooks:
                hook.remove()

    def _watch(self, first: Block) -> RemovableHandle:
        """Set `_now` at the first block, and raise `_Unchanged` where the pass is to be left."""
        raise NotImplementedError

    def _after_last(self, block: Block, args: tuple[()], call: BlockCall, output: BlockOutput) -> None:
        assert self._now is not None
        self._rest = canvas_of(call, output[1]) - self._now


class FirstBlock(_Leaving):
    """The first block says whether the canvas' residual has changed since the last computed step (First Block Cache).

    Where it has not, the others are left out. The canvas alone changes more than a whole sequence does, so the
    threshold is larger than elsewhere.
    """

    def __init__(self, threshold: float = 0.2) -> None:
        super().__init__()
        self._threshold = threshold
        self._residual: torch.Tensor | None = None  # what the first block added in the last computed step

    def _watch(self, first: Block) -> RemovableHandle:
        hook: RemovableHandle = first.register_forward_hook(self._after_first, with_kwargs=True)
        return hook

    def _after_first(self, block: Block, args: tuple[()], call: BlockCall, output: BlockOutput) -> None:
        self._now = canvas_of(call, output[1])
        residual = self._now - canvas_of(call, call["hidden_states"])
        if self._residual is not None and self._rest is not None:
            change = (residual - self._residual).abs().mean() / self._residual.abs().mean()
            if float(change) < self._threshold:
                raise _Unchanged
        self._residual = residual


class Mag(_Leaving):
    """It is known of the model by which ratio its work on the canvas changes from step to step; while the ratios since
    the last computed step come to little, the blocks are left out (MagCache, 2506.09045).

    The threshold is larger than elsewhere, as for `FirstBlock`.

    Args:
        steps: how many the picture has.
        ratios: those of a picture of any number of steps (`contextgen.evaluation.mag_calibration`).
        threshold: of the distances from 1, added up over the steps left out.
        most: steps left out one after another.
        kept: share of the steps, from the first on, of which none is left out.
    """

    def __init__(
        self, steps: int, ratios: Sequence[float], threshold: float = 0.1, most: int = 3, kept: float = 0.2
    ) -> None:
        super().__init__()
        self._ratios = _spread(ratios, steps)
        self._threshold, self._most, self._first = threshold, most, round(kept * steps)
        self._step = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._ratio, self._error, self._since = 1.0, 0.0, 0

    def _watch(self, first: Block) -> RemovableHandle:
        hook: RemovableHandle = first.register_forward_pre_hook(self._before_first, with_kwargs=True)
        return hook

    def _before_first(self, block: Block, args: tuple[()], call: BlockCall) -> None:
        self._now = canvas_of(call, call["hidden_states"])
        step, self._step = self._step, self._step + 1
        if step < self._first:
            return
        self._ratio *= self._ratios[step]
        self._error += abs(1 - self._ratio)
        self._since += 1
        if self._rest is not None and self._error <= self._threshold and self._since <= self._most:
            raise _Unchanged
        self._begin_anew()


def _spread(ratios: Sequence[float], steps: int) -> list[float]:
    """Ratios of other steps: the same change from the first to the last, in more or fewer of them."""
    logs = np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, len(ratios)), np.cumsum(np.log(ratios)))
    return [float(ratio) for ratio in np.exp(np.diff(logs, prepend=logs[0]))]


def canvas_of(call: BlockCall, hidden: torch.Tensor) -> torch.Tensor:
    """The canvas among the image rows of a block, (B, I, D), as a hook sees the block called."""
    return call["joint_attention_kwargs"]["arrangement"].canvas_rows(hidden)


class _Unchanged(Exception):
    """Leaves a forward pass after its first block."""


def step_cache(name: str | None, steps: int, mag_ratios: Sequence[float] | None = None) -> StepCache:
    """A cache for one picture; None computes every step.

    Args:
        steps: how many the picture has.
        mag_ratios: of the model, for `mag` (`contextgen.evaluation.mag_calibration`).

    Raises:
        ValueError: unknown name, or no ratios for `mag`.
    """
    match name:
        case None:
            return NoStepCache()
        case "first-block":
            return FirstBlock()
        case "taylor":
            return Taylor()
        case "mag" if mag_ratios:
            return Mag(steps, mag_ratios)
        case "mag":
            raise ValueError("`mag` needs the `mag_ratios` of the model in its card")
    raise ValueError(f"a step cache is one of {STEP_CACHES}: {name!r}")
