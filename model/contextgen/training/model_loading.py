"""The model that a run begins with, and which of its parameters move."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from accelerate import Accelerator

from contextgen.backends.flux_kontext.adapters import LAYERS_OF_THE_METHOD
from contextgen.backends.flux_kontext.lora import apply_adapter
from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.backends.flux_kontext.pretrained import expecting_no_method
from contextgen.training.checkpointing import write_whole
from contextgen.training.config import Lora, TrainConfig
from contextgen.weights.card import CARD_FILE
from contextgen.weights.checkpoints import find, find_adapter


def open_model(
    config: TrainConfig, accelerator: Accelerator, *, begun: bool = False
) -> tuple[ContextGenPipeline, Path | None]:
    """The pipeline to train, and the file of its card where it has one.

    All weights are float32 where all may move; under LoRA the base stands still in the run's precision.

    Args:
        begun: the run has a checkpoint, so that the new model which it began with, if any, still counts.

    Raises:
        contextgen.weights.checkpoint_errors.CheckpointError: weights that are missing, broken or do not fit.
        ValueError: the model's card is malformed, or the adapter's rank is not the one asked for.
    """
    start, lora = config.start, config.weights
    folder = _start_folder(config, accelerator, begun)
    with expecting_no_method():
        pipe = ContextGenPipeline.from_pretrained(
            folder,
            adapter=start.adapter if lora is None else None,
            dtype=torch.bfloat16 if lora is not None and config.precision == "bf16" else torch.float32,
        )
    if lora is not None:
        _add_lora(pipe, lora, start.adapter, config.seed)
    pipe.to(accelerator.device)
    card = folder / CARD_FILE
    return pipe, card if card.is_file() else None


def parameters_of(
    pipe: ContextGenPipeline, components: Iterable[str], lora: Lora | None
) -> dict[str, torch.nn.Parameter]:
    """The parameters that move when these components are trained, by `<component>.<parameter>`."""
    return {
        f"{component}.{name}": parameter
        for component in components
        for name, parameter in getattr(pipe, component).named_parameters()
        if lora is None or ".lora_" in name
    }


def freeze(pipe: ContextGenPipeline, trainable: Iterable[torch.nn.Parameter]) -> None:
    """Let these parameters move, and no others."""
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False)
    for parameter in trainable:
        parameter.requires_grad_(True)


def _start_folder(config: TrainConfig, accelerator: Accelerator, begun: bool) -> Path:
    if config.start.new is None:
        return find(str(config.start.model))
    from contextgen.training.new_model import make_new_model

    folder, geometry = config.output / "start", config.start.new
    with accelerator.main_process_first():
        if accelerator.is_main_process and not (begun and folder.is_dir()):  # one without may be of another geometry
            write_whole(folder, lambda new: make_new_model(new, geometry, config.seed))
    return folder


def _add_lora(pipe: ContextGenPipeline, lora: Lora, adapter: str | None, seed: int) -> None:
    if adapter is None:
        from peft import LoraConfig

        torch.manual_seed(seed)
        pipe.transformer.add_adapter(
            LoraConfig(
                r=lora.rank, lora_alpha=lora.alpha, init_lora_weights="gaussian", target_modules=LAYERS_OF_THE_METHOD
            )
        )
    else:
        apply_adapter(pipe.transformer, find_adapter(adapter), fuse=False)
    for name, parameter in parameters_of(pipe, ("transformer",), lora).items():
        parameter.data = parameter.data.float()
        if "lora_A" in name and len(parameter) != lora.rank:
            raise ValueError(f"the adapter's rank is {len(parameter)}, the run's {lora.rank}: they must be the same")
