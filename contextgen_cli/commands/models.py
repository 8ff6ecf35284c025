"""`contextgen models`: the models that have a name, with their sizes and licences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from contextgen_cli.commands.shared import options
from contextgen_cli.errors import EXIT_DONE
from contextgen_cli.models import catalogue
from contextgen_cli.models.catalogue import KnownModel
from contextgen_cli.models.devices import disk_size
from contextgen_cli.terminal.sink import Output


@options.verb(
    examples="""
contextgen models
contextgen models --json
"""
)
@options.sink_option
@options.console_options
def command(sink: Output) -> int:
    """List the models that have a name: what each is, its size, its licences, and whether it is here.

    The first is used where nothing names another. The licences of the parts differ, and each binds its own part.
    Any other model can be given to render by its folder or hub id.
    """
    known = catalogue.known_models()
    for model in known:
        record = {"type": "model", **asdict(model), "in_cache": model.missing is None}
        words = [f"{model.name}: {model.description}", *(f"  {line}" for line in _facts(model))]
        sink.item(record, text="\n".join(words), folded=True)
    return sink.summary({"models": len(known)}, exit_code=EXIT_DONE)


def _facts(model: KnownModel) -> Iterator[str]:
    if model.size is not None:
        yield f"size: {disk_size(model.size)}{' with its adapter' if model.adapter else ''}"
    if model.canvas is not None:
        yield f"canvas: {model.canvas}"
        yield f"steps: {model.steps}"
    for part, licence in model.licences.items():
        yield f"licence of the {part}: {licence}"
    if model.adapter is not None:
        yield f"adapter: {model.adapter}"
    yield f"here: {'yes' if model.missing is None else f'no, {model.missing}'}"
