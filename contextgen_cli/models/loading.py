"""A model: found, known by its files, opened. `contextgen` is imported only once a command needs it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextgen_cli.batch.plan import Weights
from contextgen_cli.errors import OutputError, WeightsError
from contextgen_cli.models import error_translation
from contextgen_cli.models.devices import Device
from contextgen_cli.models.digests import cached_digest
from contextgen_cli.models.numerics import Settings

if TYPE_CHECKING:
    from contextgen.weights.card import ModelCard
    from contextgen.weights.checkpoints import Alias

_log = logging.getLogger(__name__)
_STORED_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4}


@dataclass(frozen=True)
class Model:
    """A model on the disk: where it is, and what can be known of it before it is opened."""

    folder: Path
    card: ModelCard
    weights: Weights
    adapter_folder: Path | None = None
    adapter: Weights | None = None

    @property
    def knows_method(self) -> bool:
        """Whether there is an adapter, or a card that says the weights need none."""
        from contextgen.weights.card import CARD_FILE

        return self.adapter is not None or (self.folder / CARD_FILE).is_file()

    @property
    def heads(self) -> int:
        """How many attention heads the transformer has."""
        config = json.loads((self.folder / "transformer" / "config.json").read_text("utf-8"))
        return int(config["num_attention_heads"])

    def parts(self) -> dict[str, int]:
        """How many numbers each component holds, the transformer without its `modulation`; an adapter is fused."""
        from contextgen.weights.checkpoints import COMPONENTS, MODULATION

        parts = {name: self._numbers(name) for name in COMPONENTS}
        modulation = self._numbers("transformer", MODULATION)
        return {**parts, "transformer": parts["transformer"] - modulation, "modulation": modulation}

    def _numbers(self, component: str, name: str = "") -> int:
        from contextgen.weights.checkpoints import weight_bytes

        sizes = weight_bytes(self.folder, component, name)
        return sum(size // _STORED_BYTES.get(dtype, 1) for dtype, size in sizes.items())


def open_pipeline(model: Model, settings: Settings, device: Device, dtype: str, memory: str) -> Any:
    """A model's pipeline, its weights loaded; `memory` says how much of them stays on the device."""
    error_translation.quieten()
    import torch

    from contextgen.backends.flux_kontext.attention.parallel import Parallel
    from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline

    check_here(settings, device)
    text_cache = None if settings.cache is None else _text_cache(Path(settings.cache), model)
    pipe = ContextGenPipeline.from_pretrained(
        model.folder,
        adapter=model.adapter_folder,
        torch_dtype=getattr(torch, dtype),
        attention=settings.attention,
        ica=settings.ica,
        quantize=settings.quantize,
    )
    pipe.set_progress_bar_config(disable=True)
    _place(pipe, device.name, memory)
    if settings.parallel is not None:
        pipe.parallel = Parallel(settings.parallel.way)  # before blocks are compiled for it
    if settings.compile:
        _log.info("compiled in %.1f s", pipe.compile_blocks())
    pipe.cache_steps, pipe.reuse_references = settings.cache_steps, settings.reuse_references
    pipe.text_cache = text_cache
    return pipe


def check_here(settings: Settings, device: Device) -> None:
    """Whether this machine can do what is asked for, before anything is loaded.

    Raises:
        contextgen.backends.unsupported.Unsupported: what a quantization needs is not here.
        OutputError: the cache is no folder.
    """
    if settings.quantize is not None:
        import torch

        from contextgen.backends.flux_kontext.quantizing import check_quantization

        check_quantization(settings.quantize, torch.device(device.name))
    if settings.cache is not None and Path(settings.cache).exists() and not Path(settings.cache).is_dir():
        raise OutputError(f"--cache {settings.cache} is a file", hint="Give a folder, which need not be there yet.")


def _place(pipe: Any, device: str, memory: str) -> None:
    match memory:
        case "lean":
            pipe.enable_lean_offload(device)
        case "offload":
            pipe.enable_model_cpu_offload(device=device)
        case "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        case _:
            pipe.to(device)


def _text_cache(folder: Path, model: Model) -> Any:
    from contextgen.backends.flux_kontext.text_cache import TextCache

    try:
        return TextCache(folder, model.weights.digest)
    except OSError as error:
        raise OutputError(
            f"the cache folder {folder} cannot be made: {error.strerror}", hint="Give another --cache."
        ) from error


def find_model(asked: str | Alias, adapter: str | None, *, offline: bool) -> Model:
    """Find a model and its adapter by path, alias or hub id, and read its card."""
    from contextgen.backends.flux_kontext.adapters import check_adapter, linear_layers
    from contextgen.weights import checkpoints
    from contextgen.weights.card import ModelCard

    name = asked if isinstance(asked, str) else asked.name
    alias = (None if Path(asked).is_dir() else checkpoints.ALIASES.get(asked)) if isinstance(asked, str) else asked
    if adapter is None and alias is not None and alias.needs_adapter:
        raise WeightsError(
            f"{name} does not know how to keep identities without the ContextGen adapter",
            hint="Give its file, folder or hub id with --adapter, or set CONTEXTGEN_ADAPTER.",
        )
    folder = checkpoints.find(alias or name, offline=offline)
    public = _public_name(name) if alias is None else name
    model = Model(folder, ModelCard.read(folder), Weights(public, _digest(folder)))
    if adapter is None:
        return model
    adapter_folder = checkpoints.find_adapter(adapter, offline=offline)
    check_adapter(adapter_folder, linear_layers(folder))
    weights = Weights(_public_name(adapter), _digest(adapter_folder))
    return replace(model, adapter_folder=adapter_folder, adapter=weights)


def _digest(path: Path) -> str:
    from contextgen.weights.checkpoints import digest, sha256_of

    return digest(path, lambda file: cached_digest(file, sha256_of))


def _public_name(name: str) -> str:
    """A name that tells nothing of the machine: a folder's last part, or the alias or hub id as it is."""
    path = Path(name).expanduser()
    return path.resolve().name if path.exists() else name
