"""ContextGenPipeline: prompt, references and boxes in, a picture out (paper section 3; FLUX.1-Kontext backbone)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import cpu_offload
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxTransformer2DModel,
)
from diffusers.pipelines.flux.pipeline_flux_kontext import calculate_shift, retrieve_timesteps
from diffusers.pipelines.flux.pipeline_output import FluxPipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from transformers import CLIPTextModel, PreTrainedTokenizerBase, T5EncoderModel

from contextgen.backends.finite import refuse_not_finite
from contextgen.backends.flux_kontext.attention.arrangement import Arrangement
from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.masked_attention import MaskedAttention
from contextgen.backends.flux_kontext.attention.parallel import Parallel, SharedArrangement, check_parallel
from contextgen.backends.flux_kontext.attention.reference_cache import alternating
from contextgen.backends.flux_kontext.compiling import compile_blocks
from contextgen.backends.flux_kontext.flux_numerics import ATTENTIONS, ICA_VARIANTS, FluxNumerics
from contextgen.backends.flux_kontext.modulation import (
    Modulation,
    modulated,
    modulations,
    move_without_modulation,
    weights_state,
)
from contextgen.backends.flux_kontext.pretrained import PretrainedPipeline
from contextgen.backends.flux_kontext.step_cache import step_cache
from contextgen.backends.flux_kontext.text_cache import Embeddings, TextCache
from contextgen.backends.flux_kontext.velocity import Conditioning
from contextgen.backends.library_noise import held_back
from contextgen.backends.recently_used import RecentlyUsed
from contextgen.codec import PatchCodec  # diffusers loads a class that a folder names only if it is imported already
from contextgen.method import ablations
from contextgen.method.ablations import ABLATIONS
from contextgen.method.blocks import block_rules
from contextgen.method.layout import Instance, Pixels, compose, given_layout, prepare_reference, refuse_off_canvas
from contextgen.method.method_card import ModelCard
from contextgen.method.sequence import JointSequence, arrange

_ATTENTIONS: dict[str, type[ExactAttention] | type[MaskedAttention]] = {
    "exact": ExactAttention,
    "masked": MaskedAttention,
}
_COMPILING_GRID = 8  # tokens a side of the picture that compiles
_KEPT_PROMPTS, _KEPT_IMAGES, _KEPT_SCHEDULES = 16, 256, 4

Tensors = dict[str, torch.Tensor]  # by diffusers' names
Images = torch.Tensor | npt.NDArray[np.float32] | list[Image.Image]
StepCallback = Callable[["ContextGenPipeline", int, torch.Tensor, Tensors], Tensors]


class ContextGenPipeline(PretrainedPipeline):
    """Paints several subjects into one picture, each in its box and with its identity.

    A FLUX.1-Kontext pipeline with another sequence, other position ids and other attention; no parameter is added.
    Follows diffusers' conventions (`from_pretrained`, `.to`, offloading, progress bar, callbacks).

    Attributes:
        card: how the loaded model wants to be addressed.
        cache_steps: one of `step_cache`'s: not every step is computed; None: exact.
        reuse_references: references are computed every so many steps (`reference_cache`); 1: exact.
        parallel: the processes that compute every step together, each making the same calls; None: this one alone.
        text_cache: where encoded prompts are kept between runs; None: nowhere.
    """

    _callback_tensor_inputs = ["latents", "prompt_embeds", "velocity"]  # noqa: RUF012  diffusers' name and type

    def __init__(
        self,
        scheduler: FlowMatchEulerDiscreteScheduler,
        vae: AutoencoderKL | PatchCodec,
        text_encoder: CLIPTextModel,
        tokenizer: PreTrainedTokenizerBase,
        text_encoder_2: T5EncoderModel,
        tokenizer_2: PreTrainedTokenizerBase,
        transformer: FluxTransformer2DModel,
        image_encoder: None = None,  # the base class' IP-Adapter, which has no place here
        feature_extractor: None = None,
    ) -> None:
        super().__init__(scheduler, vae, text_encoder, tokenizer, text_encoder_2, tokenizer_2, transformer)
        self._embeddings: RecentlyUsed[Embeddings] = RecentlyUsed(_KEPT_PROMPTS)
        self._latents: RecentlyUsed[torch.Tensor] = RecentlyUsed(_KEPT_IMAGES)
        self._modulations: RecentlyUsed[list[Modulation]] = RecentlyUsed(_KEPT_SCHEDULES)
        self.cache_steps: str | None = None
        self.reuse_references = 1
        self.parallel: Parallel | None = None
        self.text_cache: TextCache | None = None
        self._lean_device: torch.device | None = None
        self._compiled = False
        self._chosen: dict[str, Any] = {}
        self.card = ModelCard(token_side=2 * self.vae_scale_factor)
        self.set_attention()

    def set_attention(self, attention: str = "exact", ica: str = "released", ablation: str | None = None) -> None:
        """Choose how attention is computed (`exact` or `masked`), what ICA reads (`released` or `paper`), and what of
        the method is switched off (one of `contextgen.method.ablations.ABLATIONS`).

        Raises:
            ValueError: unknown name, or the card names an ICA block that the transformer lacks.
        """
        if attention not in ATTENTIONS or ica not in ICA_VARIANTS:
            raise ValueError(f"attention is one of {ATTENTIONS} and ica one of {ICA_VARIANTS}: {attention}, {ica}")
        if ablation not in (None, *ABLATIONS):
            raise ValueError(f"an ablation is one of {', '.join(ABLATIONS)}: {ablation!r}")
        config = self.transformer.config
        ica_blocks = ablations.ica_blocks(ablation, self.card.ica_blocks, config.num_layers + config.num_single_layers)
        rules = block_rules(config.num_layers, config.num_single_layers, ica_blocks)
        self._attention = _ATTENTIONS[attention](self.transformer, rules, ica)
        self._chosen = {"attention": attention, "ica": ica, "ablation": ablation}

    @property
    def numerics(self) -> FluxNumerics:
        """How pictures are computed now, as far as it decides their pixels."""
        return FluxNumerics(
            dtype=str(self.transformer.dtype).removeprefix("torch."),
            quantize=None if self.loaded is None else self.loaded.quantize,
            cache_steps=self.cache_steps,
            reuse_references=self.reuse_references,
            compile=self._compiled,
            **self._chosen,
        )

    def enable_lean_offload(self, device: str | torch.device) -> None:
        """Keep on the device only what a denoising step or the VAE reads: the same picture in half the memory.

        Text encoders stay in the main memory and pass through the device layer by layer, once a prompt; adaLN's layers
        one by one, once a prompt and schedule.
        """
        self.remove_all_hooks()
        self._lean_device = torch.device(device)
        for encoder in (self.text_encoder, self.text_encoder_2):
            cpu_offload(encoder.to("cpu"), self._lean_device)
        move_without_modulation(self.transformer.to("cpu"), self._lean_device)
        self.vae.to(self._lean_device)

    def compile_blocks(self) -> float:
        """Let torch compile the transformer's blocks now, for pictures of any size; returns the seconds that it took.

        Choose attention and device before. The result is equal to rounding.

        Raises:
            contextgen.backends.unsupported.Unsupported: there is no compiler.
        """
        began = time.perf_counter()
        compile_blocks(self.transformer, self._execution_device)
        self._compiled = True
        side = _COMPILING_GRID * self.card.token_side
        subject = Instance(Image.new("RGBA", (side, side), "white"), box=(0, 0, side // 2, side))
        self("", [subject], height=side, width=side, num_inference_steps=1, seed=0, output_type="latent")
        return time.perf_counter() - began

    def empty_caches(self) -> None:
        """Forget what was encoded and modulated for earlier pictures: it takes memory of the device."""
        for cache in (self._embeddings, self._latents, self._modulations):
            cache.clear()

    def remove_all_hooks(self) -> None:
        """diffusers' way back from any offloading."""
        super().remove_all_hooks()
        self._lean_device = None

    @property
    def _execution_device(self) -> torch.device:
        device: torch.device = self._lean_device or super()._execution_device
        return device

    @torch.no_grad()
    def __call__(
        self,
        prompt: str,
        instances: Sequence[Instance],
        layout: Image.Image | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        generator: torch.Generator | None = None,
        seed: int | None = None,
        output_type: str = "pil",
        callback_on_step_end: StepCallback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> FluxPipelineOutput:
        """Paint one picture.

        Args:
            prompt: the caption, without the model's template.
            instances: subjects with their boxes, back to front; at least one.
            layout: the user's own composite (RGBA: alpha is what is given) in place of the automatic one.
            height, width: the canvas in pixels, multiples of the token side; None for the card's.
            num_inference_steps, guidance_scale: None for the card's.
            generator: source of the noise; or give `seed`, for a CPU generator, so that every device gets the same.
            output_type: `pil`; `np` (1, H, W, 3) or `pt` (1, 3, H, W) in [0, 1]; `latent` (1, C, h, w), what the VAE
                decodes.
            callback_on_step_end: called as `(pipeline, step, timestep, tensors)` after each step; returns the tensors
                to go on with. `velocity` may be asked for beside `latents` (both (1, I, C), canvas tokens).

        Returns:
            diffusers' output with `.images`.

        Raises:
            ValueError: no instances, a box off the canvas, a canvas that is no whole number of tokens, an empty mask,
                both noise sources.
            TypeError: several prompts.
            contextgen.backends.finite.NotFinite: NaN or infinity came out.
        """
        # 1. Settle what was left to the model.
        height, width = height or self.card.height, width or self.card.width
        steps = self.card.steps if num_inference_steps is None else num_inference_steps
        guidance = self.card.guidance if guidance_scale is None else guidance_scale
        if not isinstance(prompt, str):
            raise TypeError("one call paints one picture of one prompt: call the pipeline once for each prompt")
        if not instances or steps < 1:
            raise ValueError("at least one instance and one step are needed")
        refuse_off_canvas(instances, width, height)
        if self.cache_steps is not None and self.reuse_references > 1:
            raise ValueError("give either `cache_steps` or `reuse_references`")
        if generator is not None and seed is not None:
            raise ValueError("give either `generator` or `seed`")
        if seed is not None:
            generator = torch.Generator("cpu").manual_seed(seed)
        device, dtype = self._execution_device, self.transformer.dtype

        # 2. Draw the layout image and lay out the joint sequence.
        references = [prepare_reference(instance, self.card, width, height) for instance in instances]
        ablation = self._chosen["ablation"]
        if not ablations.has_layout(ablation):
            layout = Image.new("RGBA", (width, height))
        drawn = given_layout(layout, width, height) if layout else compose(references, instances, width, height)
        boxes = [instance.box for instance in instances]
        sequence = arrange(references, boxes, (width, height), self.card, ablations.has_offsets(ablation))
        arrangements = self._arrange(sequence, device)

        # 3. Encode text, layout and references, each distinct one once.
        prompt_embeds, pooled_prompt_embeds = self._embed(prompt, device)
        context = [drawn.pixels, *(reference.subject for reference in references)]
        context_latents = torch.cat([self._encode(pixels, device)[0] for pixels in context])  # (L + R, C)

        # 4. Draw the noise and the schedule.
        channels = self.transformer.config.in_channels // 4
        grid = (1, channels, 2 * sequence.canvas.height, 2 * sequence.canvas.width)
        noise = randn_tensor(grid, generator=generator, device=device, dtype=torch.float32)
        latents = self._pack_latents(noise, *grid).to(dtype)  # (1, I, C)
        timesteps = self._schedule(steps, sequence.canvas.count, device)
        given = Conditioning(arrangements[0], [context_latents], prompt_embeds, pooled_prompt_embeds, guidance)
        t = timesteps.to(dtype) / 1000
        modulation, cache = self._modulate(t, given), step_cache(self.cache_steps, steps, self.card.mag_ratios)

        # 5. Denoise: rectified flow from noise to picture.
        self._interrupt = False
        with self.progress_bar(total=len(timesteps)) as progress:
            for index, timestep in enumerate(timesteps):
                if self.interrupt:
                    break
                given = replace(given, arrangement=arrangements[index % self.reuse_references > 0])
                with modulated(self.transformer, modulation[index]):
                    v_t = cache.velocity(self.transformer, latents, t[index : index + 1], given)
                latents = self.scheduler.step(v_t, timestep, latents, return_dict=False)[0]
                if callback_on_step_end is not None:
                    known = {"latents": latents, "prompt_embeds": given.prompt_embeds, "velocity": v_t}
                    asked = {name: known[name] for name in callback_on_step_end_tensor_inputs}
                    answer = callback_on_step_end(self, index, timestep, asked)
                    latents = answer.get("latents", latents)
                    given = replace(given, prompt_embeds=answer.get("prompt_embeds", given.prompt_embeds))
                progress.update()

        # 6. Decode.
        image = self._decode(latents, height, width, output_type)
        self.maybe_free_model_hooks()
        return FluxPipelineOutput(images=image)

    def encode_pixels(self, images: torch.Tensor) -> torch.Tensor:
        """Packed latents, (B, N, C), of images in [-1, 1], (B, 3, H, W); the posterior taken at its mode."""
        latents = self._encode_vae_image(images, generator=None)
        packed: torch.Tensor = self._pack_latents(latents, *latents.shape)
        return packed

    def _arrange(self, sequence: JointSequence, device: torch.device) -> tuple[Arrangement, Arrangement]:
        """The sequence for steps that compute the references and for those that do not."""
        computing, reusing = alternating(self._attention.arrange(sequence, device), self.reuse_references)
        if self.parallel is None:
            return computing, reusing
        check_parallel(self.parallel.way, self.parallel.size, self.transformer.config.num_attention_heads)
        if self.cache_steps == "first-block":
            raise ValueError("where processes share a picture, none of them sees what `first-block` decides on")
        return SharedArrangement(computing, self.parallel), SharedArrangement(reusing, self.parallel)

    def _embed(self, prompt: str, device: torch.device) -> Embeddings:
        """T5 sequence (1, T, D) and CLIP vector (1, P) of a caption in the model's template."""
        text, length = self.card.instruction(prompt), self.card.text_length
        dtype = self.text_encoder_2.dtype

        def encode() -> Embeddings:
            with held_back():
                return self.encode_prompt(text, device=device, max_sequence_length=length)[:2]  # type: ignore[no-any-return]

        def find() -> Embeddings:
            return encode() if self.text_cache is None else self.text_cache.get(text, length, dtype, device, encode)

        return self._embeddings.get((device, dtype, text), find)

    def _encode(self, pixels: Pixels, device: torch.device) -> torch.Tensor:
        """Packed latents (1, N, C) of an image."""

        def encode() -> torch.Tensor:
            # Plain strides: on channels last, as the released code has references, torch's group norms are inexact.
            image = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
            return self.encode_pixels(image.to(device, self.vae.dtype)).to(self.transformer.dtype)

        key = device, self.vae.dtype, pixels.shape, hashlib.sha256(pixels.tobytes()).digest()
        return self._latents.get(key, encode)

    def _modulate(self, t: torch.Tensor, given: Conditioning) -> list[Modulation]:
        """The transformer's modulation of every step; pictures of one prompt and schedule share it."""
        state = weights_state(self.transformer)
        pooled = given.pooled_prompt_embeds
        key = t.device, t.dtype, state, given.guidance, *(tuple(numbers.flatten().tolist()) for numbers in (t, pooled))

        def compute() -> list[Modulation]:
            return modulations(self.transformer, t, pooled, given.guidance)

        return compute() if state is None else self._modulations.get(key, compute)

    def _schedule(self, steps: int, canvas_tokens: int, device: torch.device) -> torch.Tensor:
        """The scheduler's own timesteps, shifted by the canvas' size."""
        names = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
        shift = calculate_shift(canvas_tokens, *(self.scheduler.config[name] for name in names))
        sigmas = np.linspace(1.0, 1 / steps, steps)
        timesteps: torch.Tensor = retrieve_timesteps(self.scheduler, device=device, sigmas=sigmas, mu=shift)[0]
        self.scheduler.set_begin_index(0)
        return timesteps

    def _decode(self, latents: torch.Tensor, height: int, width: int, output_type: str) -> Images:
        unpacked: torch.Tensor = self._unpack_latents(latents, height, width, self.vae_scale_factor)
        unpacked = unpacked / self.vae.config.scaling_factor + self.vae.config.shift_factor
        refuse_not_finite(unpacked, "the latents", self.transformer.dtype)
        if output_type == "latent":
            return unpacked
        decoded = self.vae.decode(unpacked.to(self.vae.dtype), return_dict=False)[0]
        refuse_not_finite(decoded, "the decoded picture", self.vae.dtype)
        images: Images = self.image_processor.postprocess(decoded, output_type=output_type)
        return images
