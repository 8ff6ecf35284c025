"""Prepared samples -> a loss: what each objective trains, and the path from a sample to its number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from contextgen.blocks import block_rules
from contextgen.exact import ExactAttention
from contextgen.pipeline import ContextGenPipeline
from contextgen.training.attention import BatchedAttention
from contextgen.training.captioning import Captioning
from contextgen.training.config import Stage
from contextgen.training.encoding import Encoded, encode, encode_prompts
from contextgen.training.objectives import Loss, between, draw_times, preference_loss, velocity_errors
from contextgen.training.preparing import Prepared
from contextgen.training.reconstruction import Reconstruction
from contextgen.velocity import Conditioning, velocity

_GUIDANCE = 1.0  # in training, where it is embedded (released recipe)


class Objective(Protocol):
    """What a stage descends.

    Attributes:
        at_once: how many samples it takes in one forward pass.
        ignorance: a loss that is no sign of trouble, however small it has been.
    """

    at_once: int
    ignorance: float

    def loss(self, samples: Sequence[Prepared], generator: torch.Generator) -> Loss:
        """The mean loss of some samples; all that is random comes from `generator` (a CPU one)."""
        ...


def trained_components(stage: Stage, train_text_encoders: bool) -> tuple[str, ...]:
    """The parts of the pipeline that a stage trains."""
    if stage.objective == "codec":
        return ("vae",)
    if stage.objective == "text":
        return ("text_encoder", "text_encoder_2")
    texts = ("text_encoder", "text_encoder_2") if train_text_encoders and stage.objective == "flow" else ()
    return ("transformer", *texts)


def make_objective(
    pipe: ContextGenPipeline, stage: Stage, moving: Mapping[str, torch.Tensor], train_text_encoders: bool
) -> Objective:
    """The objective of a stage that begins with the weights as they are."""
    if stage.objective == "codec":
        return Reconstruction(pipe, stage)
    if stage.objective == "text":
        return Captioning(pipe, stage.batch)
    if stage.objective == "dpo":
        frozen = {name.removeprefix("transformer."): tensor.detach().clone() for name, tensor in moving.items()}
        return Preference(pipe, stage, frozen)
    return Flow(pipe, stage, train_text_encoders=train_text_encoders)


class Flow:
    """Rectified flow from noise to the target."""

    ignorance = 0.0

    def __init__(self, pipe: ContextGenPipeline, stage: Stage, *, train_text_encoders: bool = False) -> None:
        self.at_once = stage.batch if stage.attention == "masked" else 1
        self._pipe, self._stage = pipe, stage
        self._trains_text = train_text_encoders
        config = pipe.transformer.config
        rules = block_rules(config.num_layers, config.num_single_layers, pipe.card.ica_blocks)
        self._attention = (
            BatchedAttention(pipe.transformer, rules)
            if stage.attention == "masked"
            else ExactAttention(pipe.transformer, rules, "released")
        )

    def loss(self, samples: Sequence[Prepared], generator: torch.Generator) -> Loss:
        """Mean squared velocity error over the canvas tokens."""
        encoded = encode(self._pipe, samples, self._stage.box_weight)
        drawn = _draw(encoded.target, self._stage, generator)
        return Loss(self._errors(encoded.target, drawn, self._conditioning(samples, encoded, drawn), encoded).mean())

    def _conditioning(self, samples: Sequence[Prepared], encoded: Encoded, drawn: _Drawn) -> Conditioning:
        """Layout, references and text; an emptied caption leaves the template."""
        prompts = ["" if empty else sample.prompt for sample, empty in zip(samples, drawn.emptied, strict=True)]
        with torch.set_grad_enabled(self._trains_text):
            prompt_embeds, pooled_prompt_embeds = encode_prompts(self._pipe, prompts)
        device = encoded.target.device
        embeds = prompt_embeds, pooled_prompt_embeds
        if isinstance(self._attention, BatchedAttention):
            batched = self._attention.arrange(encoded.sequences, device)
            return Conditioning(batched, encoded.context, *embeds, _GUIDANCE)
        single = self._attention.arrange(encoded.sequences[0], device)
        return Conditioning(single, encoded.context[0][None], *embeds, _GUIDANCE)

    def _errors(
        self,
        x_0: torch.Tensor,
        drawn: _Drawn,
        given: Conditioning,
        encoded: Encoded,
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Velocity errors of each sample, (B,)."""
        x_t = between(x_0, drawn.x_1, drawn.t)
        v = velocity(self._pipe.transformer, x_t, drawn.t, given, weights)
        return velocity_errors(v, x_0, drawn.x_1, encoded.weights)


class Preference(Flow):
    """Diffusion-DPO: the target is preferred to the layout image, measured against the model as it was.

    The text encoders stand still, so that both models are told the same.
    """

    ignorance = math.log(2)  # what the frozen model itself has

    def __init__(self, pipe: ContextGenPipeline, stage: Stage, frozen: Mapping[str, torch.Tensor]) -> None:
        super().__init__(pipe, stage)
        self._frozen = frozen

    def loss(self, samples: Sequence[Prepared], generator: torch.Generator) -> Loss:
        """The preference of the target, with the same noise and time for both pictures."""
        encoded = encode(self._pipe, samples, self._stage.box_weight)
        drawn = _draw(encoded.target, self._stage, generator)
        given = self._conditioning(samples, encoded, drawn)
        pictures = (encoded.target, encoded.layout)
        with torch.no_grad():
            lref_w, lref_l = (self._errors(x_0, drawn, given, encoded, self._frozen) for x_0 in pictures)
        l_w, l_l = (self._errors(x_0, drawn, given, encoded) for x_0 in pictures)
        losses = preference_loss(l_w, l_l, lref_w, lref_l, self._stage.beta)
        preferred = (l_w - lref_w < l_l - lref_l).float().mean().item()
        return Loss(losses.mean(), {"preferred": preferred, "target_error": l_w.mean().item()})


@dataclass(frozen=True)
class _Drawn:
    """What is random about some samples: whether the caption is emptied, the time (B,), the noise (B, I, C)."""

    emptied: tuple[bool, ...]
    t: torch.Tensor
    x_1: torch.Tensor


def _draw(x_0: torch.Tensor, stage: Stage, generator: torch.Generator) -> _Drawn:
    """Sample by sample and on the CPU: the same whatever is computed at once, and on every device."""
    emptied, t, x_1 = [], [], []
    for picture in x_0:
        emptied.append(torch.rand((), generator=generator).item() < stage.text_drop)
        t.append(draw_times(1, generator, stage.logit_mean, stage.logit_std))
        x_1.append(torch.randn(picture.shape, generator=generator))
    return _Drawn(tuple(emptied), torch.cat(t).to(x_0), torch.stack(x_1).to(x_0))
