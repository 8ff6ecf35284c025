"""ContextGen (ICLR 2026): identity-consistent multi-instance image generation, as a diffusers pipeline.

Names are loaded on first use, so that `contextgen.method.layout` and `contextgen.method.sequence` stay free of torch.
Scene files are read by `contextgen_cli.api`: here nothing knows YAML.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
    from contextgen.method.layout import Instance
    from contextgen.method.method_card import ModelCard

    __version__: str

__all__ = ["ContextGenPipeline", "Instance", "ModelCard", "__version__"]

_HOMES = {
    "ContextGenPipeline": "backends.flux_kontext.pipeline",
    "Instance": "method.layout",
    "ModelCard": "method.method_card",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("contextgen")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from contextgen.backends.library_noise import held_back

    with held_back():
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
