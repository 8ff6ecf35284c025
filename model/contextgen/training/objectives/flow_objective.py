"""Rectified flow: the transformer learns the velocity from noise to the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.backends.flux_kontext.velocity import Conditioning, velocity
from contextgen.method.blocks import block_rules
from contextgen.training.config import Denoising, Flow
from contextgen.training.objectives.formulas import between, draw_times, velocity_errors
from contextgen.training.objectives.objective import Loss
from contextgen.training.preprocessing.batched_attention import BatchedAttention
from contextgen.training.preprocessing.latent_encoding import Encoded, encode, encode_prompts
from contextgen.training.preprocessing.samples import Prepared

_GUIDANCE = 1.0  # in training, where it is embedded (released recipe)


@dataclass(frozen=True)
class Ready:
    """Samples on the device.

    Attributes:
        prompts: their captions.
        need_prompts: whose caption is never emptied.
        arrangement: of the attention that is trained through.
        context: packed latents of layouts and references, as the arrangement takes them.
    """

    prompts: Sequence[str]
    need_prompts: Sequence[bool]
    encoded: Encoded
    arrangement: Any
    context: Any

    def __len__(self) -> int:
        return len(self.prompts)


@dataclass(frozen=True)
class Drawn:
    """What is random about some samples: whether the caption is emptied, the time (B,), the noise (B, I, C)."""

    emptied: tuple[bool, ...]
    t: torch.Tensor
    x_1: torch.Tensor


class Denoiser:
    """The transformer on noised pictures: what the objectives that train it have in common.

    Attributes:
        micro_batch_size: the batch where the attention is batched, else one sample.
    """

    def __init__(self, pipe: ContextGenPipeline, settings: Denoising, batch: int) -> None:
        self.micro_batch_size = batch if settings.attention == "masked" else 1
        self._pipe, self._settings = pipe, settings
        config = pipe.transformer.config
        rules = block_rules(config.num_layers, config.num_single_layers, pipe.card.ica_blocks)
        self._attention = (
            BatchedAttention(pipe.transformer, rules)
            if settings.attention == "masked"
            else ExactAttention(pipe.transformer, rules, "released")
        )

    def ready(self, samples: Sequence[Prepared]) -> Ready:
        """Latents of the images and the arrangement of the sequences, on the device."""
        encoded = encode(self._pipe, samples, self._settings.box_weight)
        device, sequences = encoded.target.device, [sample.sequence for sample in samples]
        told = [sample.prompt for sample in samples], [sample.needs_prompt for sample in samples]
        if isinstance(self._attention, BatchedAttention):
            return Ready(*told, encoded, self._attention.arrange(sequences, device), encoded.context)
        single = self._attention.arrange(sequences[0], device)
        return Ready(*told, encoded, single, encoded.context[0][None])

    def draw(self, x_0: torch.Tensor, generator: torch.Generator) -> Drawn:
        """Sample by sample and on the CPU: the same whatever is computed at once, and on every device."""
        settings = self._settings
        emptied, t, x_1 = [], [], []
        for picture in x_0:
            emptied.append(torch.rand((), generator=generator).item() < settings.text_drop)
            t.append(draw_times(1, generator, settings.logit_mean, settings.logit_std))
            x_1.append(torch.randn(picture.shape, generator=generator))
        return Drawn(tuple(emptied), torch.cat(t).to(x_0), torch.stack(x_1).to(x_0))

    def conditioning(self, ready: Ready, drawn: Drawn, *, trains_text: bool = False) -> Conditioning:
        """Layout, references and text; an emptied caption leaves the template."""
        drops = [empty and not needed for empty, needed in zip(drawn.emptied, ready.need_prompts, strict=True)]
        prompts = ["" if drop else prompt for prompt, drop in zip(ready.prompts, drops, strict=True)]
        with torch.set_grad_enabled(trains_text):
            embeds = encode_prompts(self._pipe, prompts)
        return Conditioning(ready.arrangement, ready.context, *embeds, _GUIDANCE)

    def errors(
        self,
        x_0: torch.Tensor,
        drawn: Drawn,
        given: Conditioning,
        token_weights: torch.Tensor,
        transformer_weights: Mapping[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Velocity errors of each sample, (B,), under the transformer's own weights or under others."""
        x_t = between(x_0, drawn.x_1, drawn.t)
        v = velocity(self._pipe.transformer, x_t, drawn.t, given, transformer_weights)
        return velocity_errors(v, x_0, drawn.x_1, token_weights)


class FlowMatching(Denoiser):
    """Rectified flow from noise to the target."""

    baseline_loss = 0.0

    def __init__(
        self, pipe: ContextGenPipeline, settings: Flow, batch: int, *, train_text_encoders: bool = False
    ) -> None:
        super().__init__(pipe, settings, batch)
        self._draws, self._trains_text = settings.draws, train_text_encoders

    def loss(self, ready: Ready, generator: torch.Generator) -> Loss:
        """Mean squared velocity error over the canvas tokens, and over the draws."""
        encoded, errors = ready.encoded, []
        for _ in range(self._draws):
            drawn = self.draw(encoded.target, generator)
            given = self.conditioning(ready, drawn, trains_text=self._trains_text)
            errors.append(self.errors(encoded.target, drawn, given, encoded.weights))
        return Loss(torch.cat(errors).mean())
