"""What the index and the configurations of a folder may say: known classes, numbers where they belong. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from contextgen.backends.flux_kontext.components.demands import A_SIZE, LARGEST, REPAIR, demand, is_number, is_size
from contextgen.backends.flux_kontext.components.settings import check_settings
from contextgen.backends.flux_kontext.components.tokenizers import check_tokenizers
from contextgen.weights.checkpoint_errors import FolderIncomplete, UntrustedFolder
from contextgen.weights.json_files import short
from contextgen.weights.model_folder import component_classes, read_configuration, read_index, stored_tensors
from contextgen.weights.safetensors_files import UNQUANTIZED, StoredTensor

CLASSES: Mapping[str, tuple[str, ...]] = {
    "scheduler": ("diffusers.FlowMatchEulerDiscreteScheduler",),
    "text_encoder": ("transformers.CLIPTextModel",),
    "text_encoder_2": ("transformers.T5EncoderModel",),
    "tokenizer": ("transformers.CLIPTokenizer", "transformers.CLIPTokenizerFast"),
    "tokenizer_2": ("transformers.T5Tokenizer", "transformers.T5TokenizerFast"),
    "transformer": ("diffusers.FluxTransformer2DModel",),
    "vae": ("diffusers.AutoencoderKL", "contextgen.codec.PatchCodec"),
}
WEIGHED = ("text_encoder", "text_encoder_2", "transformer", "vae")
_CLIP_SIZES = "hidden_size intermediate_size max_position_embeddings num_attention_heads num_hidden_layers vocab_size"
_SIZES = {
    "text_encoder": tuple(_CLIP_SIZES.split()),
    "text_encoder_2": ("d_ff", "d_kv", "d_model", "num_heads", "num_layers", "vocab_size"),
    "vae": ("latent_channels", "layers_per_block"),
}
_NUMBERS = {"vae": ("scaling_factor", "shift_factor")}


@dataclass(frozen=True)
class FluxConfig:
    """What is read of the configurations of a folder's transformer and VAE, under their names there."""

    num_layers: int
    num_single_layers: int
    num_attention_heads: int
    attention_head_dim: int
    in_channels: int
    joint_attention_dim: int
    pooled_projection_dim: int
    guidance_embeds: bool
    block_out_channels: tuple[int, ...]

    @property
    def token_side(self) -> int:
        """2x2 latents make a token; each down block of the VAE but the last halves the picture."""
        return 2 << (len(self.block_out_channels) - 1)


def read_config(folder: Path) -> FluxConfig:
    """The configurations of a folder.

    Raises:
        FolderIncomplete: one is missing, no JSON object, or says something else than sizes where they belong.
    """
    try:
        transformer, vae = (folder / component / "config.json" for component in ("transformer", "vae"))
        return _read((transformer, transformer.stat().st_mtime_ns), (vae, vae.stat().st_mtime_ns))
    except OSError as problem:
        raise FolderIncomplete(f"{problem.filename}: {problem.strerror}", REPAIR) from problem


def check_classes(folder: Path) -> None:
    """Refuse a folder whose index names other components or classes than those of this family.

    Raises:
        FolderIncomplete: one is not named.
        UntrustedFolder: another is.
    """
    index, named = read_index(folder)[0], component_classes(folder)
    if missing := sorted(CLASSES.keys() - named.keys()):
        raise FolderIncomplete(f"{folder}: {index.name} does not name {missing[0]}", REPAIR)
    for component, (library, kind) in named.items():
        known = CLASSES.get(component, ())
        if f"{library}.{kind}" not in known:
            wanted = f"which is {' or '.join(known)} here" if known else "which nothing here reads"
            raise UntrustedFolder(
                f"{index}: {component}: {library}.{kind}, {wanted}", "Take a folder of this family as it was published."
            )


def check_configurations(folder: Path) -> None:
    """Refuse sizes that no model of this family has, before a library builds anything by them.

    Raises:
        FolderIncomplete: names the file and the key, or the tensor.
    """
    read_config(folder)
    for component in ("scheduler", *WEIGHED):
        path = folder / component / ("scheduler_config.json" if component == "scheduler" else "config.json")
        config = read_configuration(path)
        demand(path, config, _SIZES.get(component, ()), is_size, A_SIZE)
        demand(path, config, _NUMBERS.get(component, ()), is_number, "a number")
        _check_modesty(path, config)
        check_settings(component, path, config)
        if component in WEIGHED:
            stored = stored_tensors(folder, component)
            _check_depth(path, config, len(stored))
            _check_integers(stored)
    check_tokenizers(folder)


@lru_cache(maxsize=32)
def _read(transformer: tuple[Path, int], vae: tuple[Path, int]) -> FluxConfig:
    """Read once for many pictures; a changed file has another time and is read again."""
    *sizes, flag, channels = (each.name for each in fields(FluxConfig))
    (flux, _), (codec, _) = transformer, vae
    stated, coding = read_configuration(flux), read_configuration(codec)
    demand(flux, stated, sizes, is_size, A_SIZE)
    demand(flux, stated, [flag], lambda value: isinstance(value, bool), "true or false")
    demand(codec, coding, [channels], _are_widths, "a list of a few whole numbers")
    return FluxConfig(**{name: stated[name] for name in (*sizes, flag)}, block_out_channels=tuple(coding[channels]))


def _check_modesty(path: Path, config: Mapping[str, Any]) -> None:
    """No library needs to find out what it means to allocate."""
    if config.get("quantization_config") is not None:
        raise FolderIncomplete(
            f"{path}: quantization_config: weights that are quantized already are not read",
            UNQUANTIZED,
        )
    for name, value in config.items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, (int, float)) and not abs(number) <= LARGEST:  # nor NaN
                words = f"beyond {LARGEST:,}" if abs(number) > LARGEST else "not a number"
                raise FolderIncomplete(f"{path}: {name}: {short(number)} is {words}", REPAIR)


def _check_depth(path: Path, config: Mapping[str, Any], tensors: int) -> None:
    """Every layer has weights of its own, so that there cannot be more layers than tensors."""
    for name, value in config.items():
        if "layers" in name and isinstance(value, int) and value > tensors:
            raise FolderIncomplete(f"{path}: {name}: {value:,} layers, and {tensors:,} tensors beside it", REPAIR)
        if isinstance(value, list) and len(value) > tensors:
            raise FolderIncomplete(f"{path}: {name}: {len(value):,} entries, and {tensors:,} tensors beside it", REPAIR)


def _check_integers(stored: Mapping[str, StoredTensor]) -> None:
    for name, tensor in stored.items():
        if tensor.dtype.startswith("I") and not name.endswith("position_ids"):
            raise FolderIncomplete(
                f"{tensor.file}: {name} holds {tensor.dtype}, where floating-point numbers belong", UNQUANTIZED
            )


def _are_widths(value: object) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 16 and all(map(is_size, value))
