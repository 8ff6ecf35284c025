"""adaLN's shifts, scales and gates, computed once for all steps of a picture.

In every block a linear layer turns the embedding of step, guidance and pooled prompt, one vector, into the modulation
of the block's rows. These layers are a quarter of FLUX's weights, and what they give is the same for every seed, layout
and reference: `modulations` computes it, with the very calls that the transformer would make, and `modulated` puts it
in their place for one forward pass, so that their weights need not be where the transformer is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.normalization import AdaLayerNormContinuous, AdaLayerNormZero, AdaLayerNormZeroSingle

AdaptiveNorm: TypeAlias = AdaLayerNormZero | AdaLayerNormZeroSingle | AdaLayerNormContinuous
Modulation = Sequence[torch.Tensor]  # of one step: its embedding (1, D), then what each adaLN layer gives, (1, k D)


def adaptive_norms(transformer: FluxTransformer2DModel) -> list[AdaptiveNorm]:
    """The norms whose `linear` makes a modulation: two or one a block, and the last one."""
    return [module for module in transformer.modules() if isinstance(module, AdaptiveNorm)]


@torch.no_grad()
def modulations(
    transformer: FluxTransformer2DModel, t: torch.Tensor, pooled_prompt_embeds: torch.Tensor, guidance: float
) -> list[Modulation]:
    """The modulation of every step, to the bit what the transformer would compute.

    Args:
        t: time of each step, (S,), 1 is noise, on the device and in the dtype of the computation.
        pooled_prompt_embeds: CLIP vector, (1, P).
        guidance: for a guidance-distilled transformer.
    """
    tembs = [_embedding(transformer, time, pooled_prompt_embeds, guidance) for time in t[:, None]]
    activated = [torch.nn.functional.silu(temb) for temb in tembs]
    layers = [_of_all_steps(norm.linear, activated) for norm in adaptive_norms(transformer)]
    return list(zip(tembs, *layers, strict=True))


def modulated(transformer: FluxTransformer2DModel, modulation: Modulation) -> AbstractContextManager[None]:
    """A forward pass in which embedding and adaLN layers give what they are told; they are back in place afterwards."""
    places = [(transformer, "time_text_embed"), *((norm, "linear") for norm in adaptive_norms(transformer))]
    return _in_place_of(places, [_Given(value) for value in modulation])


def move_without_modulation(transformer: FluxTransformer2DModel, device: torch.device) -> None:
    """Take a transformer to a device; its adaLN layers stay, and are copied there while `modulations` reads them."""
    places = [(norm, "linear") for norm in adaptive_norms(transformer)]
    with _in_place_of(places, [torch.nn.Identity()] * len(places)):
        transformer.to(device)


@contextmanager
def _in_place_of(places: Sequence[tuple[torch.nn.Module, str]], modules: Sequence[torch.nn.Module]) -> Iterator[None]:
    """Other modules in the attributes of their owners, for a while."""
    own = [getattr(owner, name) for owner, name in places]
    try:
        for (owner, name), module in zip(places, modules, strict=True):
            setattr(owner, name, module)
        yield
    finally:
        for (owner, name), module in zip(places, own, strict=True):
            setattr(owner, name, module)


def weights_state(transformer: FluxTransformer2DModel) -> Hashable | None:
    """Changes whenever the weights that make modulations do; None where that cannot be seen, as with an adapter kept
    apart."""
    embedding = [
        layer
        for embedder in transformer.time_text_embed.children()
        for name, layer in embedder.named_children()
        if name.startswith("linear")
    ]
    layers = embedding + [norm.linear for norm in adaptive_norms(transformer)]
    if any(type(layer) is not torch.nn.Linear for layer in layers):
        return None
    weights = [weight for layer in layers for weight in layer.parameters() if weight.device.type != "meta"]
    return tuple((id(weight), weight._version) for weight in weights)


class _Given(torch.nn.Module):
    """In a layer's place, what it would give."""

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, *_: torch.Tensor) -> torch.Tensor:
        return self.value


def _embedding(
    transformer: FluxTransformer2DModel, t: torch.Tensor, pooled_prompt_embeds: torch.Tensor, guidance: float
) -> torch.Tensor:
    """`temb` of one step, (1, D), from numbers rounded as the transformer's forward rounds them."""
    times = [t * 1000]
    if transformer.config.guidance_embeds:
        times.append(torch.full_like(t, guidance, dtype=torch.float32).to(t.dtype) * 1000)
    embed = _visiting(transformer.time_text_embed, t.device)
    temb: torch.Tensor = embed(*times, pooled_prompt_embeds)
    return temb


def _of_all_steps(layer: Any, activated: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """What a layer gives for each step; its weights are fetched once."""
    hook = getattr(layer, "_hf_hook", None)
    if hook is None:
        call = _visiting(layer, activated[0].device)
        return [call(vector) for vector in activated]
    hook.pre_forward(layer)  # accelerate's offloading brings the weights, and takes them away
    given = [layer._old_forward(vector) for vector in activated]
    hook.post_forward(layer, None)
    return given


def _visiting(module: torch.nn.Module, device: torch.device) -> Callable[..., torch.Tensor]:
    """A module to be called on a device where its weights need not be: then copies of them are there for as long."""
    weights = dict(module.named_parameters()) | dict(module.named_buffers())
    if all(weight.device in (device, torch.device("meta")) for weight in weights.values()):
        return module
    visitors = {name: weight.to(device) for name, weight in weights.items()}
    return lambda *arguments: torch.func.functional_call(module, visitors, arguments)
