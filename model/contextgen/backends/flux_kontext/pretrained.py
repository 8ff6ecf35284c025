"""A pipeline's way from the disk and back: model folders in diffusers' format, the card of the method beside them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from diffusers import FluxKontextPipeline

from contextgen.backends.flux_kontext import quantizing
from contextgen.backends.flux_kontext.backend import FluxKontext, read_model_card
from contextgen.backends.flux_kontext.components.configurations import check_classes, check_configurations
from contextgen.backends.flux_kontext.components.tensors import check_loaded, check_tensors
from contextgen.backends.flux_kontext.lora import apply_adapter
from contextgen.backends.library_noise import held_back
from contextgen.weights.card import write_card
from contextgen.weights.checkpoints import ALIASES, OWN_ADAPTER, adapter_named, find, find_adapter

if TYPE_CHECKING:
    from typing_extensions import Self


AdapterLike: TypeAlias = "str | Path | tuple[str | Path, float]"


class WithoutMethod(UserWarning):
    """A model of which nothing says that it was trained for the method, and no adapter is put on."""


@dataclass(frozen=True)
class LoadedFrom:
    """What a pipeline was loaded from, as it was asked for, and what was done to the weights then.

    Attributes:
        adapters: each with its scale, in the order in which they were put on.
    """

    model: str
    adapters: tuple[tuple[str, float], ...]
    quantize: str | None


@contextmanager
def expecting_no_method() -> Iterator[None]:
    """Without `WithoutMethod` inside the block: for those who say it themselves, and those who train."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WithoutMethod)
        yield


class PretrainedPipeline(FluxKontextPipeline):  # type: ignore[misc]
    """Loads and saves; what is computed with the weights, its subclass says.

    Attributes:
        loaded: None: made of components at hand.
    """

    loaded: LoadedFrom | None = None

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        adapter: AdapterLike | Sequence[AdapterLike] | None = None,
        fuse_adapter: bool = True,
        dtype: torch.dtype | str | None = None,
        torch_dtype: torch.dtype | str | None = None,
        attention: str = "exact",
        ica: str = "released",
        ablation: str | None = None,
        quantize: str | None = None,
        offline: bool = False,
        **kwargs: object,
    ) -> Self:
        """Load a model in diffusers' format.

        Args:
            model: a folder, an alias (`contextgen.weights.checkpoints.ALIASES`) or a hub id.
            adapter: a LoRA of the transformer: a folder, a safetensors file or a hub id; or a pair of that and a scale;
                or a list of such, put on in order. "default" is the one that an alias names, which is put on where
                none is given; an empty list puts on none.
            fuse_adapter: add adapters to the weights (float32, rounded once each); False keeps them apart (needs peft).
            dtype: of the computation, such as `torch.bfloat16` or "bfloat16"; float32 unless given. The weights are
                first rounded to the card's `weights_dtype`.
            torch_dtype: its older name.
            attention: `exact` leaves out what nobody reads; `masked` is the dense reference. Equal to rounding.
            ica: `released` or `paper` (Eq. 4).
            ablation: what of the method to switch off, one of `contextgen.method.ablations.ABLATIONS`.
            quantize: `fp8`, `int8` or `nf4`: the blocks' matrices in fewer bits, once the adapter is fused. Not exact.
            offline: never touch the network.
            **kwargs: diffusers' own.

        Raises:
            contextgen.weights.checkpoint_errors.CheckpointError: weights that are missing, broken or do not fit.
            ValueError: the folder's `contextgen.json` is malformed, an adapter kept apart is to be quantized, or there
                is no such dtype.
            contextgen.backends.unsupported.Unsupported: what a quantization needs is not here.

        Warns:
            WithoutMethod: nothing says that the model knows how to keep identities.
            UserWarning: an adapter changes nothing.
        """
        computed = _dtype(dtype, torch_dtype)
        adapters = _adapters(str(model), adapter)
        if quantize is not None:
            if not fuse_adapter and adapters:
                raise ValueError("an adapter is fused before its model is quantized")
            quantizing.check_quantization(quantize, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        folder = find(str(model), offline=offline)
        check_classes(folder)
        check_configurations(folder)
        card = read_model_card(folder)
        check_tensors(folder)
        backend = FluxKontext(folder)
        paths = [(find_adapter(adapter_named(name, str(model)), offline=offline), scale) for name, scale in adapters]
        fits = [backend.check_adapter(path) for path, _ in paths]
        weights_dtype = getattr(torch, card.weights_dtype)
        pipeline: Self = super().from_pretrained(
            folder, dtype=weights_dtype, use_safetensors=True, local_files_only=True, **kwargs
        )
        check_loaded(folder, pipeline)
        pipeline.card = card
        if computed is not weights_dtype:
            pipeline.to(computed)
        elif computed is torch.float32:
            pipeline._align()
        for path, scale in paths:
            apply_adapter(pipeline.transformer, path, scale=scale, fuse=fuse_adapter, dtype=weights_dtype)
        if quantize is not None:
            quantizing.quantize(pipeline.transformer, quantize)
        pipeline.loaded = LoadedFrom(str(model), adapters, quantize)
        pipeline.set_attention(attention, ica, ablation)
        for (name, _), fit in zip(adapters, fits, strict=True):
            if fit.is_zero:
                warnings.warn(f"the adapter {name} changes nothing: its matrices are zero", stacklevel=2)
        for words in backend.warnings(fits):
            warnings.warn(f"{model}: {words}", WithoutMethod, stacklevel=2)
        return pipeline

    def save_pretrained(self, save_directory: str | Path, **kwargs: object) -> None:
        """Write a model folder of which `from_pretrained`, and `contextgen render --model`, make the same pictures.

        An adapter that was fused is in the weights; where they are finer than the card says by now, the card that is
        written says float32, so that loading rounds nothing.

        Args:
            **kwargs: diffusers' own.

        Raises:
            ValueError: the weights are quantized, an adapter is kept apart from them, or they are offloaded.
        """
        if problem := self._unsaveable():
            raise ValueError(problem)
        super().save_pretrained(save_directory, **kwargs)
        weights_dtype = self.card.weights_dtype if self._fits(self.card.weights_dtype) else "float32"
        write_card(replace(self.card, weights_dtype=weights_dtype), Path(save_directory))

    def to(self, *args: object, **kwargs: object) -> Self:
        """diffusers' own."""
        with held_back():
            moved: Self = super().to(*args, **kwargs)
        return moved

    def _align(self) -> None:
        """Move weights that are read from a mapped file to memory of their own: there they begin anywhere, and products
        of float32 are added up in another order by where their factors begin."""
        for part in self._modules_of():
            for parameter in part.parameters():
                parameter.data = parameter.data.clone()

    def _unsaveable(self) -> str | None:
        if self.loaded is not None and self.loaded.quantize is not None:
            return f"weights rounded by quantize={self.loaded.quantize!r} are not saved: save the model before that"
        if getattr(self.transformer, "peft_config", None):
            return "an adapter that is kept apart is not saved: load the model with `fuse_adapter=True`"
        if any(parameter.is_meta for part in self._modules_of() for parameter in part.parameters()):
            return "offloaded weights are not saved: call `remove_all_hooks()` before"
        return None

    def _fits(self, weights_dtype: str) -> bool:
        """Whether rounding to a number format changes no weight."""
        rounded = getattr(torch, weights_dtype)
        return all(
            torch.equal(parameter, parameter.to(rounded).to(parameter.dtype))
            for part in self._modules_of()
            for parameter in part.parameters()
        )

    def _modules_of(self) -> list[torch.nn.Module]:
        return [part for part in self.components.values() if isinstance(part, torch.nn.Module)]


def _adapters(model: str, asked: AdapterLike | Sequence[AdapterLike] | None) -> tuple[tuple[str, float], ...]:
    """Names and scales; of an alias for which nothing is asked its own."""
    if asked is None:
        alias = ALIASES.get(model)
        return () if alias is None or alias.adapter is None else ((OWN_ADAPTER, 1.0),)
    several = [asked] if isinstance(asked, str | Path | tuple) else asked
    given = [each if isinstance(each, tuple) else (each, 1.0) for each in several]
    if wrong := [scale for _, scale in given if not math.isfinite(scale)]:
        raise ValueError(f"the scale of an adapter is no number: {wrong[0]!r}")
    return tuple((str(name), float(scale)) for name, scale in given)


def _dtype(dtype: torch.dtype | str | None, torch_dtype: torch.dtype | str | None) -> torch.dtype:
    asked: Any = torch.float32 if dtype is None and torch_dtype is None else dtype or torch_dtype
    found = getattr(torch, asked.removeprefix("torch."), None) if isinstance(asked, str) else asked
    if not isinstance(found, torch.dtype):
        raise ValueError(f"no number format is called {asked!r}: give float32, bfloat16 or float16")
    return found
