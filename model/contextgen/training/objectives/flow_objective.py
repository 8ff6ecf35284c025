"""Prepared samples -> a loss: what each objective trains, and the path from a sample to its number.

The path has two halves: `ready` computes what the training does not change, so that a GPU can be given it ahead of its
step, in the precision that the weights have; `loss` computes the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.backends.flux_kontext.velocity import Conditioning, velocity
from contextgen.method.blocks import block_rules
from contextgen.training.config import Stage
from contextgen.training.objectives.codec_objective import Reconstruction
from contextgen.training.objectives.formulas import Loss, between, draw_times, preference_loss, velocity_errors
from contextgen.training.objectives.text_objective import Captioning
from contextgen.training.preprocessing.batched_attention import BatchedAttention
from contextgen.training.preprocessing.latent_encoding import Encoded, encode, encode_prompts
from contextgen.training.preprocessing.samples import Prepared

_GUIDANCE = 1.0  # in training, where it is embedded (released recipe)


class Objective(Protocol):
    """What a stage descends.

    Attributes:
        micro_batch_size: how many samples it takes in one forward pass.
        baseline_loss: a loss that is no sign of trouble, however small it has been.
    """

    micro_batch_size: int
    baseline_loss: float

    def ready(self, samples: Sequence[Prepared]) -> Any:
        """What `loss` wants of some samples, whatever the trained weights are; its length is their number."""
        ...

    def loss(self, ready: Any, generator: torch.Generator) -> Loss:
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
    pipe: ContextGenPipeline, stage: Stage, trainable: Mapping[str, torch.Tensor], train_text_encoders: bool
) -> Objective:
    """The objective of a stage that begins with the weights as they are."""
    if stage.objective == "codec":
        return Reconstruction(pipe, stage)
    if stage.objective == "text":
        return Captioning(pipe, stage.batch)
    if stage.objective == "dpo":
        frozen = {name.removeprefix("transformer."): tensor.detach().clone() for name, tensor in trainable.items()}
        return Preference(pipe, stage, frozen)
    return Flow(pipe, stage, train_text_encoders=train_text_encoders)


class Flow:
    """Rectified flow from noise to the target."""

    baseline_loss = 0.0

    def __init__(self, pipe: ContextGenPipeline, stage: Stage, *, train_text_encoders: bool = False) -> None:
        self.micro_batch_size = stage.batch if stage.attention == "masked" else 1
        self._pipe, self._stage = pipe, stage
        self._trains_text = train_text_encoders
        config = pipe.transformer.config
        rules = block_rules(config.num_layers, config.num_single_layers, pipe.card.ica_blocks)
        self._attention = (
            BatchedAttention(pipe.transformer, rules)
            if stage.attention == "masked"
            else ExactAttention(pipe.transformer, rules, "released")
        )

    def ready(self, samples: Sequence[Prepared]) -> Ready:
        """Latents of the images and the arrangement of the sequences, on the device."""
        encoded = encode(self._pipe, samples, self._stage.box_weight)
        device, sequences = encoded.target.device, [sample.sequence for sample in samples]
        prompts = [sample.prompt for sample in samples]
        if isinstance(self._attention, BatchedAttention):
            return Ready(prompts, encoded, self._attention.arrange(sequences, device), encoded.context)
        single = self._attention.arrange(sequences[0], device)
        return Ready(prompts, encoded, single, encoded.context[0][None])

    def loss(self, ready: Ready, generator: torch.Generator) -> Loss:
        """Mean squared velocity error over the canvas tokens, and over the stage's draws."""
        errors = []
        for _ in range(self._stage.draws):
            drawn = _draw(ready.encoded.target, self._stage, generator)
            errors.append(self._errors(ready.encoded.target, drawn, self._conditioning(ready, drawn), ready.encoded))
        return Loss(torch.cat(errors).mean())

    def _conditioning(self, ready: Ready, drawn: _Drawn) -> Conditioning:
        """Layout, references and text; an emptied caption leaves the template."""
        prompts = ["" if empty else prompt for prompt, empty in zip(ready.prompts, drawn.emptied, strict=True)]
        with torch.set_grad_enabled(self._trains_text):
            embeds = encode_prompts(self._pipe, prompts)
        return Conditioning(ready.arrangement, ready.context, *embeds, _GUIDANCE)

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

    baseline_loss = math.log(2)  # what the frozen model itself has

    def __init__(self, pipe: ContextGenPipeline, stage: Stage, frozen: Mapping[str, torch.Tensor]) -> None:
        super().__init__(pipe, stage)
        self._frozen = frozen

    def loss(self, ready: Ready, generator: torch.Generator) -> Loss:
        """The preference of the target, with the same noise and time for both pictures."""
        encoded = ready.encoded
        drawn = _draw(encoded.target, self._stage, generator)
        given = self._conditioning(ready, drawn)
        pictures = (encoded.target, encoded.layout)
        with torch.no_grad():
            lref_w, lref_l = (self._errors(x_0, drawn, given, encoded, self._frozen) for x_0 in pictures)
        l_w, l_l = (self._errors(x_0, drawn, given, encoded) for x_0 in pictures)
        losses = preference_loss(l_w, l_l, lref_w, lref_l, self._stage.beta)
        preferred = (l_w - lref_w < l_l - lref_l).float().mean().item()
        return Loss(losses.mean(), {"preferred": preferred, "target_error": l_w.mean().item()})


@dataclass(frozen=True)
class Ready:
    """Samples on the device.

    Attributes:
        prompts: their captions.
        arrangement: of the attention that is trained through.
        context: packed latents of layouts and references, as the arrangement takes them.
    """

    prompts: Sequence[str]
    encoded: Encoded
    arrangement: Any
    context: Any

    def __len__(self) -> int:
        return len(self.prompts)


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
