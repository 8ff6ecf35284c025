"""`contextgen doctor`: what there is to render with, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from contextgen_cli import __version__
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.adapter_option import adapter_option
from contextgen_cli.commands.shared.namesakes import tell_namesake
from contextgen_cli.errors import EXIT_DONE, EXIT_ENVIRONMENT
from contextgen_cli.models import catalogue
from contextgen_cli.models.devices import devices, gibibytes
from contextgen_cli.models.numerics import AdapterChoice
from contextgen_cli.models.threads import choose_threads
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output

_LIBRARIES = (
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "huggingface-hub",
    "safetensors",
    "numpy",
    "pillow",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `ok` is None where there is nothing to judge."""

    topic: str
    name: str
    value: str
    ok: bool | None = None


@options.verb(
    examples="""
contextgen doctor
contextgen doctor --model ./my-model
contextgen doctor --model kontext --adapter ./my-adapter
contextgen doctor --json
"""
)
@options.model_option
@adapter_option("A LoRA to hold against the model of --model: a file, a folder or a hub id; repeatable.")
@options.sink_option
@options.console_options
def command(model: str | None, adapters: tuple[AdapterChoice, ...] | None, sink: Output) -> int:
    """Show devices, memory, versions, the hub cache, and which models would load.

    The network is not touched. Of the model that --model names every tensor is looked for and every number read, and
    --adapter is held against it; of the others, only what their files say of themselves. Exits with 3 if what is asked
    for would not load or, without --model, no model would.
    """
    tell_namesake(model)
    judged = list(models(model))
    able = any(finding.ok for finding in judged)
    fitting = [adapted(model, each.name) for each in adapters or ()]
    able = able and all(each.ok is not False for each in fitting)
    judged += fitting
    for finding in (*versions(), *machine(), *hub(), *judged):
        mark = {True: "ok  ", False: "no  ", None: "    "}[finding.ok]
        words = f"{mark}{finding.topic} {finding.name}: {finding.value}"
        sink.item({"type": "finding", **asdict(finding)}, text=words, folded=True)
    if not able and not sink.as_json:
        lacking = "nothing here can render yet" if model is None else f"{model} cannot render here"
        console.warn(f"{lacking}: fetch a model, or give a folder with --model")
    return sink.summary({"can_render": able}, exit_code=EXIT_DONE if able else EXIT_ENVIRONMENT)


def versions() -> Iterator[Finding]:
    """What is installed."""
    yield Finding("version", "contextgen", __version__)
    yield Finding("version", "python", f"{platform.python_version()} on {sys.platform}")
    for name in _LIBRARIES:
        yield Finding("version", name, metadata.version(name))


def machine() -> Iterator[Finding]:
    """What there is to compute on."""
    for device in devices():
        memory = f"{gibibytes(device.free)} of {gibibytes(device.total)} free"
        yield Finding("device", device.name, f"{device.description}, {memory}")
    yield Finding("device", "threads", str(choose_threads()))


def hub() -> Iterator[Finding]:
    """The hub's cache and whether there is a token; never the token."""
    from huggingface_hub import get_token
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = gibibytes(shutil.disk_usage(existing).free)
    state = "" if cache.exists() else "not there yet, "
    writable = os.access(existing, os.W_OK)
    yield Finding("hub", "cache", f"{cache}, {state}{free} free{'' if writable else ', read-only'}", writable)
    yield Finding("hub", "token", "absent" if get_token() is None else "present")


def models(asked: str | None) -> Iterator[Finding]:
    """Which models would load without the network: the one asked for, or each that has a name."""
    if asked is None:
        found = [(known.name, known.missing) for known in catalogue.known_models()]
    else:
        family, lacks = catalogue.examine(asked)
        found = [(asked, lacks)]
        if family is not None:
            yield Finding("model", "family", family)
    for name, missing in found:
        yield Finding("model", name, missing or "would load", missing is None)


def adapted(model: str | None, adapter: str) -> Finding:
    """Whether an adapter fits a model."""
    if model is None:
        return Finding("model", f"adapter {adapter}", "name its model with --model to see whether it fits")
    problem = catalogue.examine_adapter(model, adapter)
    return Finding("model", f"adapter {adapter}", problem or f"fits {model}", problem is None)
